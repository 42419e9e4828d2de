"""A comparison on every engine: the same bits, and a worker that dies.

It has controls, chosen rates and held-out slides. All jobs run on two engines, some on
the third, because each of its jobs imports torch anew.
"""

import json
import os
import signal
from pathlib import Path

import pytest
from forked_jobs import fork_jobs
from tiny_compare import method_configs, write_comparison

from cite.compare.folder.read_results import read_results
from cite.compare.run import run_comparison
from cite.compare.statistics.calibrated import calibrated

SLURM = {'cluster': 'local', 'timeout_min': 5}
MATRIX = [[1, 0.5, 0], [0.5, 1, 0.5], [0, 0.5, 1]]
COMMON = {'shots': ['all'], 'rates': [1, 3], 'slurm': SLURM}
CONTROLS = [f'cite-{kind}' for kind in ('rotated', 'permuted', 'random', 'matched')]


@pytest.fixture(scope='module')
def methods(compare_data, tmp_path_factory):
    """Return a method that kills its worker, and others."""
    folder = tmp_path_factory.mktemp('methods')
    paths = method_configs(compare_data, folder)
    text = Path(paths['zeroshot']).read_text()
    dying = folder / 'dying.py'
    dying.write_text(
        f'import os\nif os.getpid() != {os.getpid()}: os.kill(os.getpid(), 9)\n{text}'
    )
    return {
        'dying': {'config': str(dying), 'trained': False},
        'cite': {'label': 'CITE', 'config': paths['cite']},
        'linear': {'label': 'Linear', 'config': paths['linear'], 'features': 2},
        'arc': {'type': 'similarity', 'config': paths['cite'], 'matrix': MATRIX},
        'abmil': {'type': 'abmil', 'config': paths['linear'], 'steps': 20},
        'mean': {'type': 'nearest_mean', 'config': paths['linear']},
    }


@pytest.fixture(scope='module')
def config(compare_data, methods, tmp_path_factory):
    return write_comparison(
        compare_data,
        tmp_path_factory.mktemp('engines'),
        methods=methods,
        controls=True,
        held_out=['abmil', 'mean'],
        **COMMON,
    )


@pytest.fixture(scope='module')
def local(config, tmp_path_factory):
    """Return the folder of two local workers, and what they make of it."""
    out = tmp_path_factory.mktemp('local')
    return out, *outcome(config, out, 'local')


def outcome(config, out, engine):
    """Run it; return what failed, the files by job and the rows by method."""
    failed = run_comparison(config, out, engine, jobs=2, progress=False)
    files = {
        str(path.relative_to(out)): path.read_bytes()
        for folder in ('predictions', 'patches')
        for path in (out / folder).iterdir()
    }
    rows = [json.loads(line) for line in (out / 'results.jsonl').open()]
    for row in rows:
        row.pop('seconds', None)
        row.pop('error', None)  # each engine has its own words
    return failed, files, {row['method']: row for row in rows}


def test_a_dead_local_worker_is_replaced(local):
    _, failed, files, rows = local
    assert failed == {'dying': f'its process died (exit code -{signal.SIGKILL:d})'}
    # Predictions of nine jobs, and patches of those that score patches.
    assert len([name for name in files if name.startswith('predictions')]) == 9
    assert [name for name in rows if 'figures' not in rows[name]] == ['dying']


def test_every_control_has_a_line_with_its_facts(local):
    _, _, _, rows = local
    methods = ['dying', 'cite', *CONTROLS, 'linear', 'arc', 'abmil', 'mean']
    assert [*rows] == methods
    for name in (*CONTROLS, 'arc'):
        facts = rows[name]['training']
        assert facts['texts'] == rows['cite-rotated']['training']['texts']
        assert facts['vectors'] != facts['texts'] or name == 'cite-rotated'
    assert 'texts' not in rows['cite']['training']
    # With rates, every method with one has a choice on record.
    chosen = {name for name in methods[1:] if 'chosen' in rows[name]['training']}
    assert chosen == {*methods[1:]} - {'mean'}


def test_held_out_slides_become_temperatures_and_sets(local):
    out = local[0]
    results = read_results(out)
    rows = {row.method: row for row in calibrated(results)}
    assert {*rows} == {'abmil', 'mean'}
    assert rows['mean'].units == 6  # two training slides of three classes
    assert rows['mean'].everything
    assert rows['mean'].coverage == 100
    table = (out / 'table.md').read_text(encoding='utf-8')
    assert '## Temperature and sets of classes' in table
    assert 'Rates were chosen on training slides' in table


def test_ray_gives_the_same(config, local, cluster, tmp_path, monkeypatch):
    monkeypatch.setenv('RAY_ADDRESS', cluster)
    failed, *results = outcome(config, tmp_path, 'ray')
    assert [*failed] == ['dying']
    assert 'Ray actor died' in failed['dying']
    assert results == [*local[2:]]


def test_slurms_code_path_gives_the_same(
    compare_data, methods, local, tmp_path, monkeypatch
):
    """With submitit's executor of local processes, because Slurm is not installed."""
    fork_jobs(monkeypatch)
    some = {name: methods[name] for name in ('dying', 'cite', 'linear', 'mean')}
    held_out = {'held_out': ['mean']}
    config = write_comparison(
        compare_data, tmp_path, methods=some, **held_out, **COMMON
    )
    failed, files, rows = outcome(config, tmp_path / 'out', 'slurm')
    assert [*failed] == ['dying']
    assert 'its Slurm job' in failed['dying']
    _, _, local_files, local_rows = local
    assert rows == {name: local_rows[name] for name in some}
    assert files == {name: local_files[name] for name in files}
    assert len(files) == 6  # predictions and patches of three jobs
