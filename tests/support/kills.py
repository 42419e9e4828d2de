"""Work in a process of its own that is killed at a random moment."""

import os
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
