"""A comparison on every engine: the same bits, and a worker that dies."""

import json
import os
import signal
from pathlib import Path

import pytest
from tiny_compare import write_comparison

from cite.compare.run import run_comparison

SLURM = {'cluster': 'local', 'timeout_min': 5}


@pytest.fixture(scope='module')
def config(compare_data, tmp_path_factory):
    """Return a comparison with one method that kills its worker, and two others."""
    folder = tmp_path_factory.mktemp('engines')
    path = Path(write_comparison(compare_data, folder, shots=[1], draws=1, slurm=SLURM))
    dying = folder / 'configs/dying.py'
    text = (folder / 'configs/zeroshot.py').read_text()
    dying.write_text(
        f'import os\nif os.getpid() != {os.getpid()}: os.kill(os.getpid(), 9)\n{text}'
    )
    path.write_text(
        f'{path.read_text()}\n'
        f'methods = dict(dying=dict(config={str(dying)!r}, trained=False), '
        "cite=methods['cite'], linear=methods['linear'])\n"
    )
    return str(path)


@pytest.fixture(scope='module')
def local(config, tmp_path_factory):
    """Return what two local workers make of it."""
    return outcome(config, tmp_path_factory.mktemp('local'), 'local')


def outcome(config, out, engine):
    failed = run_comparison(config, out, engine, jobs=2, progress=False)
    files = {
        str(path.relative_to(out)): path.read_bytes()
        for folder in ('predictions', 'patches')
        for path in (out / folder).iterdir()
    }
    lines = map(json.loads, (out / 'results.jsonl').read_text().splitlines())
    return failed, files, [(row['job'], row.get('figures')) for row in lines]


def test_a_dead_local_worker_is_replaced(local):
    failed, files, rows = local
    assert failed == {'dying': f'its process died (exit code -{signal.SIGKILL:d})'}
    assert len(files) == 4  # predictions and patches of two jobs
    assert rows[0] == ('dying', None)


def test_ray_gives_the_same(config, local, tmp_path, monkeypatch):
    pytest.importorskip('ray', reason='needs ray: pip install .[ray]')
    monkeypatch.delenv('RAY_ADDRESS', raising=False)
    failed, files, rows = outcome(config, tmp_path, 'ray')
    assert [*failed] == ['dying']
    assert 'Ray actor died' in failed['dying']
    assert (files, rows) == local[1:]


def test_slurms_code_path_gives_the_same(config, local, tmp_path):
    """With submitit's executor of local processes, because Slurm is not installed."""
    pytest.importorskip('submitit', reason='needs submitit: pip install .[slurm]')
    failed, files, rows = outcome(config, tmp_path, 'slurm')
    assert [*failed] == ['dying']
    assert 'its Slurm job' in failed['dying']
    assert (files, rows) == local[1:]
