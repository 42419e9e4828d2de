"""Work in a process of its own that is killed at a random moment."""

import os
import random
import signal
import time
import traceback


def fork(work):
    """Run a function in a copy of this process; return its id."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def finish(work):
    """Run a function in a copy of this process to its end; return the seconds."""
    start = time.monotonic()
    _, status = os.waitpid(fork(work), 0)
    assert status == 0
    return time.monotonic() - start


def kill_within(work, seconds):
    """Kill it after some seconds; tell whether it was still running."""
    process = fork(work)
    time.sleep(seconds)
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def kill_often(work, seconds, times=4):
    """Yield the number of each start of a work that was killed, at random moments.

    A kill that comes too late does not count, and the next ones come earlier.

    Args:
        work: takes the number.
        seconds: how long it takes.
        times: kills that find it running.
    """
    rng, number = random.Random(0), 0
    while times:
        moment = rng.uniform(0.1, 0.9) * seconds
        if kill_within(lambda number=number: work(number), moment):
            times -= 1
            yield number
        else:
            seconds *= 0.8
        number += 1
