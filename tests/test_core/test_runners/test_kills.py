"""Training is killed with SIGKILL at any moment, goes on, and ends in the same weights.

The runs are real ones, each start in a process of its own. Random moments seldom fall
into the milliseconds of a write, so some kills are aimed: the process kills itself at a
named point of a named checkpoint's write, or is killed soon after a write has begun.
"""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from killed_training import AIMED, run
from tiny_training import config, differences, make_data, new_process, state

from cite.core.files.weights import load_weights

ITERS = 20
WRITE_SECONDS = 0.004  # about what a write of these checkpoints takes
SIGKILLED = -signal.SIGKILL


def config_of(data, folder, workers=0):
    cfg = config(data, folder, ITERS)
    cfg.auto_resume = True
    cfg.checkpoint_config = {'interval': 1, 'max_keep_ckpts': 1}
    cfg.data.workers_per_gpu = workers
    return cfg


def start(cfg, *args):
    return new_process(run, cfg, *args)


def whole_checkpoints(folder):
    """Read what is there as a user would: everything named ``.pth`` must be whole."""
    for path in folder.glob('*.pth'):
        assert 'optimizer' in load_weights(path)
    return sorted(path.name for path in folder.glob('*.pth'))


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data') / 'slides')


@pytest.fixture(scope='module')
def whole(data, tmp_path_factory):
    """State of a run that was never killed, and the seconds that it took."""
    folder = tmp_path_factory.mktemp('whole')
    new_process(os.getpid).join()  # the server's imports take seconds, once
    process = start(config_of(data, folder))
    began = time.monotonic()
    process.join()
    assert process.exitcode == 0
    return state(folder, ITERS), time.monotonic() - began


def finish(cfg, folder):
    process = start(cfg)
    process.join()
    assert process.exitcode == 0
    assert [p.name for p in folder.glob('*.partial')] == []
    assert whole_checkpoints(folder) == [f'iter_{ITERS}.pth', 'latest.pth']
    return state(folder, ITERS)


@pytest.mark.parametrize('n', [1, 7])
def test_killed_inside_a_write(data, whole, tmp_path, n):
    """At each point in turn, all in one run; with n=1 there is no checkpoint yet."""
    cfg = config_of(data, tmp_path)
    for step, point in enumerate(AIMED):
        if n == 1 and point == 'the old not removed':
            continue
        # Later iterations for later points, so that each start gets on.
        process = start(cfg, point, n if n == 1 and step == 0 else n + step)
        process.join()
        assert process.exitcode == SIGKILLED, point
        whole_checkpoints(tmp_path)
    # A leftover of an iteration that is not written again.
    (tmp_path / 'iter_99.pth.partial').touch()

    assert differences(finish(cfg, tmp_path), whole[0]) == []


def wait_for_write(process, folder, number):
    """Return as soon as so many checkpoints' writes have been seen to begin."""
    seen = set()
    while len(seen) < number and process.exitcode is None:
        seen.update(name for name in os.listdir(folder) if is_half_written(name))


def is_half_written(name):
    return name.startswith('iter_') and name.endswith('.partial')


def descendants(process):
    """Return the ids of all processes below one."""
    path = Path(f'/proc/{process}/task/{process}/children')
    children = [int(pid) for pid in path.read_text().split()] if path.is_file() else []
    return [*children, *(pid for child in children for pid in descendants(child))]


def kill_at_random(data, whole, folder, kills, workers):
    """Kill one run after another, each so often that it gets to its end; count.

    Every other kill may fall anywhere. A write takes milliseconds of a run, so the rest
    fall into those after one of the next writes has begun.
    """
    expected, seconds = whole
    moments = random.Random(0)
    killed = in_write = runs = 0
    while killed < kills:
        run_folder = folder / str(runs)
        run_folder.mkdir()
        cfg = config_of(data, run_folder, workers)
        for attempt in range(8):
            process = start(cfg)
            if attempt % 2 == 0:
                wait_for_write(process, run_folder, moments.randint(1, 4))
                process.join(moments.uniform(0, WRITE_SECONDS))
            else:
                process.join(moments.uniform(0.1, 0.9) * seconds)
            if process.exitcode is not None:
                assert process.exitcode == 0
                break
            children = descendants(process.pid)
            process.kill()
            process.join()
            killed += 1
            in_write += any(map(is_half_written, os.listdir(run_folder)))
            whole_checkpoints(run_folder)
            # Their queue is open in this process's server, so they would wait for it.
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        assert differences(finish(cfg, run_folder), expected) == []
        runs += 1
    return killed, in_write, runs


def test_killed_at_random_moments(data, whole, tmp_path):
    killed, _, _ = kill_at_random(data, whole, tmp_path, kills=3, workers=0)
    assert killed >= 3


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_killed_fifty_times(data, whole, tmp_path):
    killed, in_write, runs = kill_at_random(data, whole, tmp_path, 50, workers=1)
    print(f'{killed} kills, {in_write} of them in a write, in {runs} runs')
    assert killed >= 50
    assert in_write >= 5
