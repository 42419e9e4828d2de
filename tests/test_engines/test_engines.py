"""What each engine does with tasks, exceptions and dying workers."""

import os
import signal
import subprocess
from multiprocessing import Pipe

import engine_tasks
import forked
import pytest
from engine_tasks import (
    DIES,
    RAISES,
    ends,
    no_model,
    process_of,
    run,
    square_or_wait,
    start,
    threads_of_torch,
)
from forked_jobs import fork_jobs

from cite.engines import base, make_engine
from cite.engines import local as local_engine
from cite.engines.ray import _Actor

pytestmark = pytest.mark.usefixtures('forked_workers')
SLURM = {'cluster': 'local', 'timeout_min': 5}


@pytest.fixture(params=['local', 'ray', 'slurm'])
def engine(request, tmp_path, monkeypatch):
    """Return each engine; Slurm's two jobs at once are processes of this machine.

    Ray has one worker, because each imports torch for seconds; test_compare's has two.
    """
    if request.param == 'ray':
        monkeypatch.setenv('RAY_ADDRESS', request.getfixturevalue('cluster'))
    if request.param == 'slurm':
        fork_jobs(monkeypatch)
    support = os.path.dirname(engine_tasks.__file__)
    path = os.pathsep.join([support, os.environ.get('PYTHONPATH', '')])
    monkeypatch.setenv('PYTHONPATH', path)  # where workers find the tasks
    # submitit cancels its local jobs by SIGINT, which a shell's background jobs ignore.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    jobs = 1 if request.param == 'ray' else 2
    yield request.param, make_engine(request.param, jobs, SLURM, str(tmp_path))
    signal.signal(signal.SIGINT, before)


def test_one_task_fails_and_the_rest_goes_on(engine):
    name, workers = engine
    outcomes = {o.task: o for o in workers.run([DIES, RAISES, 2], run, start)}
    assert outcomes[2].result[0] == 4
    assert outcomes[RAISES].error == 'ValueError: not this one'
    words = {'local': 'exit code -9', 'ray': 'Ray actor died', 'slurm': 'Slurm job'}
    assert words[name] in outcomes[DIES].error
    assert not any(outcomes[n].result for n in (DIES, RAISES))


@pytest.mark.parametrize(('jobs', 'share'), [(1, 4), (2, 2), (3, 1)])
def test_workers_of_this_machine_share_its_threads(monkeypatch, jobs, share):
    monkeypatch.setattr(local_engine.torch, 'get_num_threads', lambda: 4)
    outcomes = make_engine('local', jobs, {}, '').run([1, 2, 3], threads_of_torch, int)
    assert [outcome.result for outcome in outcomes] == [share] * 3


def test_a_run_that_ends_early_leaves_no_task_running(engine, tmp_path):
    _, workers = engine
    waits = str(tmp_path / 'waits')
    outcomes = workers.run([3, waits], square_or_wait, start)
    assert next(outcomes) == (3, 9, None)
    process = process_of(waits)
    outcomes.close()
    assert ends(process)


def test_workers_end_with_a_run_that_is_killed(tmp_path):
    waits = tmp_path / 'waits'
    code = f"""
from engine_tasks import square_or_wait, start
from cite.engines import make_engine
if __name__ == '__main__':
    engine = make_engine('local', 1, {{}}, '')
    list(engine.run([{str(waits)!r}], square_or_wait, start))
"""
    (tmp_path / 'run.py').write_text(code)
    support = os.path.dirname(engine_tasks.__file__)
    path = os.pathsep.join([support, str(base.ROOT)])
    environment = {**os.environ, 'PYTHONPATH': path, 'PYTHONWARNINGS': 'ignore'}
    parent = subprocess.Popen([forked.python(), tmp_path / 'run.py'], env=environment)
    process = process_of(waits)
    parent.kill()
    parent.wait()
    assert ends(process)


def test_an_actor_works_in_the_folder_of_the_run(tmp_path, monkeypatch):
    """A node of a cluster starts it elsewhere, where relative names mean nothing."""
    monkeypatch.chdir(tmp_path)  # undone at the end
    monkeypatch.chdir('/')
    actor = _Actor(str(tmp_path), lambda task, state: os.getcwd(), start)
    assert actor.run(1) == (str(tmp_path), None)


def test_a_worker_that_cannot_start_says_why(engine):
    _, workers = engine
    errors = [outcome.error for outcome in workers.run([1, 2], run, no_model)]
    assert errors == ['FileNotFoundError: no weights on this node'] * 2


def test_a_worker_keeps_its_state_between_tasks():
    engine = make_engine('local', 1, {}, 'folder')
    results = [outcome.result for outcome in engine.run([1, 2, 3], run, start)]
    assert [n for _, _, n in results] == [1, 2, 3]
    assert len({process for _, process, _ in results}) == 1
    assert results[0][1] != os.getpid()


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
def test_so_many_tasks_run_at_once_as_were_asked_for(monkeypatch, jobs, workers):
    made = []

    class Process:
        """What a process does, without one."""

        def __init__(self, gpu, threads, run, start):
            self.pipe, self.other = Pipe()
            made.append(self)

        def give(self, task):
            self.other.send(base.Outcome(task))

        def take(self):
            return self.pipe.recv()

        def stop(self):
            self.pipe.close()

    monkeypatch.setattr(local_engine, '_Process', Process)
    engine = make_engine('local', jobs, {}, 'folder')
    outcomes = [*engine.run([str(i) for i in range(5)], run, start)]
    assert engine.slots == jobs
    assert len(made) == workers
    assert sorted(outcome.task for outcome in outcomes) == [*'01234']
