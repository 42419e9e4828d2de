"""Claims of the benchmark that need no clock: sizes, model loads, sleeps."""

import json
import sys
import time

import forked
import pytest
import torch
from mmcls.datasets import build_dataset

from benchmarks import cached, peaks, start, whole_run
from benchmarks.compare import SIDES, child_environment, compare, table
from benchmarks.model_path import our_size, released_size
from benchmarks.models import make_bert, make_clip
from benchmarks.row import Row, Workspace, pick
from benchmarks.rows import all_rows

# Two rows of the data path are also measured from a packed file.
TARGETS = {
    'few-slide': 20,
    'few-slide-gpu': 20,
    'first-pass': 3,
    'evaluation': 2,
    'first-pass-packed': 3,
    'evaluation-packed': 2,
    'train-step': 3,
    'forward': 3,
    'start': 5,
    'memory': 2,
    'checkpoint': 100,
    'linear': 100,
    'neck-only': 100,
    'zero-shot': 100,
    'whole-run': 10,
    'tiles-deflate': 0.9,
    'tiles-jpeg': 0.9,
    'tiles-jpeg2000': 0.9,
    'predict-busy': 0.9,
    'predict-memory': 0.98,
    'viewer': 1,
}


@pytest.fixture
def small(tmp_path):
    workspace = Workspace(tmp_path, small=True)
    make_clip(workspace)
    make_bert(workspace)
    return workspace


def test_every_row_has_its_target_and_its_bound():
    rows = {row.key: row for row in all_rows()}
    assert {key: row.target for key, row in rows.items()} == TARGETS
    assert all(row.bound for row in rows.values())
    with pytest.raises(ValueError, match='no row tea; there are'):
        pick(all_rows(), ['tea'])


def test_ratio_says_how_many_times_better():
    def row(**kwargs):
        return Row('k', 't', 's', 2, lambda w: None, lambda w: None, '', **kwargs)

    assert row().ratio(10.0, 2.0) == 5
    assert row(more_is_better=True).ratio(10.0, 20.0) == 2


@pytest.mark.parametrize(('peak', 'target'), [(2.4, 2.04), (5, 3)])
def test_what_no_machine_can_reach_is_no_target(peak, target):
    row = Row('k', 't', 's', 3, None, None, '', most=lambda n, _: peak / n)
    assert row.target_here(1, 9.0) == pytest.approx(target)
    assert row.target_here(2, 9.0) == pytest.approx(0.85 * peak / 2)


def test_the_most_is_the_ratio_of_two_products(monkeypatch):
    rates = {torch.float32: 184.0, torch.bfloat16: 414.0}
    monkeypatch.setattr(peaks, '_product', rates.get)
    threads = torch.get_num_threads()
    assert peaks.most_by_bf16(2, 9.0) == pytest.approx(2.25 * 35 / 32.9)
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures('forks')
def test_no_start_is_faster_than_its_imports(monkeypatch):
    monkeypatch.setattr(start, 'IMPORTS', 'import time; time.sleep(0.5)')
    assert 0 < start.most_by_imports(1, 9.0) < 9.0 / 0.5


def test_checkpoint_of_vit_b16_is_a_hundredth(tmp_path):
    workspace = Workspace(tmp_path)
    make_clip(workspace)
    released, ours = released_size(workspace)(), our_size(workspace)()
    # 86.2 M values of the image tower and 0.5 M of the neck, 4 bytes each.
    assert released == pytest.approx(347, rel=0.01)
    assert ours < 3
    assert released / ours >= 100


def test_the_second_start_loads_no_language_model(small):
    with child_environment(small.folder):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, 'executable', str(forked.python()))
            start.start_once(start.OURS, small)
            # It fails without embeddings, which only its language model gives.
            start.start_once(start.RELEASED, small)
        assert not start.start_once(start.OURS, small)['language_model']


def test_no_sleep_at_the_end_of_tiny_epochs(small, monkeypatch):
    monkeypatch.setattr(cached, 'PATCHES', 150)  # a pass is two of twenty iterations
    naps = []
    monkeypatch.setattr(time, 'sleep', naps.append)
    with child_environment(small.folder):
        cached._prepare(small)
        seconds = cached.our_neck(small)()
        assert seconds > 0
        assert cached.our_zero_shot(small)() > 0
    # mmcv waits for its loggers at the end of a run; two seconds an epoch are gone.
    assert naps == [1]


@pytest.mark.usefixtures('forks')
def test_sides_run_in_processes_and_the_table_says_so(small):
    (row,) = pick(all_rows(), ['zero-shot'])
    with child_environment(small.folder):
        line = compare(row, small, repeats=2, threads=1)
    assert json.loads(json.dumps(line)) == line
    assert line['ratio'] == line['released'] / line['ours']
    assert line['met'] == (line['ratio'] >= 100)
    assert len(line['all']['ours']) == 2
    assert 'scaled' in line['note']
    text = table([line]).splitlines()
    assert text[2].startswith('| zero-shot evaluation')
    assert text[2].endswith('| yes (1) |' if line['met'] else '| no (1) |')
    assert text[-1].endswith(
        'a batch of 8 in each of 5 iterations, scaled to 3000 images'
    )


def test_without_a_gpu_its_row_is_not_run(small, monkeypatch):
    monkeypatch.setattr(whole_run.torch.cuda, 'is_available', lambda: False)
    (row,) = pick(all_rows(), ['whole-run'])
    line = compare(row, small)
    assert line['ratio'] is None
    assert line['met'] is None
    assert '| not run | >= 10x | no GPU here: not run |' in table([line])


@pytest.mark.usefixtures('forks')
def test_a_whole_run_is_the_released_way_and_ours(small):
    """On a CPU: both commands run, and each with the pipeline that is its own."""
    with child_environment(small.folder):
        whole_run.prepare(small)
        assert whole_run.released_run(small)() > 0
        assert whole_run.our_run(small)() > 0
    released, ours = (
        build_dataset(whole_run._data(small, 'train', side)) for side in SIDES
    )
    assert ours[0]['img'].dtype == torch.uint8
    assert ours.image_bytes == 3 * 64 * 64
    assert ours.cache is not None
    assert released[0]['img'].dtype == torch.float32


def test_a_step_of_a_run_is_said_as_a_share_of_the_peak(tmp_path, monkeypatch):
    log = tmp_path / 'whole-run/20260101_000000.log.json'
    log.parent.mkdir()
    times = [{'mode': 'train', 'time': x} for x in (9.0, 0.05, 0.05)]
    log.write_text('\n'.join(map(json.dumps, [{'seed': 0}, *times])))
    workspace = Workspace(tmp_path)
    assert whole_run.step_remark(workspace) == 'ours: 50.0 ms a step on CPU'

    name = 'NVIDIA H200'
    monkeypatch.setattr(whole_run.torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(whole_run.torch.cuda, 'get_device_name', lambda: name)
    # 2 x 35.1 GFLOP x 128 images in 50 ms are 179.7 of 989 TFLOP/s.
    assert whole_run.step_remark(workspace).endswith(f'{name}, 18% of the bf16 peak')
