"""Tasks for any engine, in a module that its workers can import."""

import os
import signal
import time
from pathlib import Path

DIES, RAISES = -1, -2


def start():
    """Return what a worker keeps: its process, and the tasks that it has run."""
    return os.getpid(), []


def run(task, state):
    """Return the square; two tasks go wrong."""
    process, done = state
    if task == DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    if task == RAISES:
        raise ValueError('not this\none')
    done.append(task)
    return task * task, process, len(done)


def threads_of_torch(task, state):
    """Return the number of threads that a task may use."""
    import torch

    return torch.get_num_threads()


def no_model():
    raise FileNotFoundError('no weights on this node')


def square_or_wait(task, state):
    """Return the square of a number; of a path, write this process there and wait."""
    if isinstance(task, int):
        return task * task
    partial = Path(f'{task}.partial')
    partial.write_text(str(os.getpid()))
    partial.rename(task)
    time.sleep(600)
    return None


def process_of(path, seconds=120):
    """Return the process that a task wrote into a file, once it has."""
    end = time.monotonic() + seconds
    while not Path(path).exists() and time.monotonic() < end:
        time.sleep(0.05)
    return int(Path(path).read_text())


def ends(process, seconds=30):
    """Tell whether a process ends within some seconds; one that is not reaped has."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2]
        except OSError:
            return True
        if state.split()[0] in 'ZX':
            return True
        time.sleep(0.05)
    return False
