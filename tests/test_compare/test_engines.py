"""The same bits from every engine, and what each does when a job or worker dies."""

import json
import os
import signal
from multiprocessing import Pipe
from pathlib import Path

import pytest
from tiny_compare import write_comparison

from cite.compare.engines import base, make_engine
from cite.compare.engines import local as local_engine
from cite.compare.engines.task import JobResult, Task
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


@pytest.mark.parametrize(
    ('name', 'jobs', 'message'),
    [
        ('cloud', None, 'choose one of local, ray, slurm'),
        ('local', 0, 'give 1 or more'),
    ],
)
def test_an_impossible_choice_is_explained(name, jobs, message):
    with pytest.raises(ValueError, match=message):
        make_engine(name, jobs, {}, 'folder')


def test_an_engine_that_is_not_installed_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(base, 'find_spec', lambda name: None)
    with pytest.raises(ValueError, match='slurm needs it: pip install submitit'):
        make_engine('slurm', None, {}, 'folder')


@pytest.mark.parametrize(('jobs', 'workers'), [(1, 1), (3, 3), (9, 5)])
def test_so_many_jobs_run_at_once_as_were_asked_for(monkeypatch, jobs, workers):
    made = []

    class Worker:
        """What a process does, without one."""

        def __init__(self, gpu):
            self.pipe, self.other = Pipe()
            made.append(self)

        def give(self, task):
            self.other.send(JobResult(task.name))

        def take(self):
            return self.pipe.recv()

        def stop(self):
            self.pipe.close()

    monkeypatch.setattr(local_engine, '_Worker', Worker)
    engine = make_engine('local', jobs, {}, 'folder')
    results = [*engine.run([Task(str(i), {}, 'folder') for i in range(5)])]
    assert engine.slots == jobs
    assert len(made) == workers
    assert sorted(result.name for result in results) == [*'01234']
