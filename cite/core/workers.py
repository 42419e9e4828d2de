"""How the processes that load, check and read files are started, and how many."""

import multiprocessing
import os
import shutil
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar

_SHARED = '/dev/shm'
_AHEAD = 2  # batches that torch lets a process hold ready
_SECONDS, _RATE = 10, 2e6  # for a file, and for its bytes per second

Read = TypeVar('Read')


def start_method(workers: int = 1) -> Optional[str]:
    """Return the start method for our pools and loaders: ``fork`` where it is usual.

    Python 3.14 made ``forkserver`` Linux' default, whose processes share no memory with
    this one: no patch cache, no batches in place, no compiled loops. ``spawn``, the
    default elsewhere, stays.

    Args:
        workers: number of processes; torch's ``DataLoader`` takes no method without
            any, and gets None.
    """
    if not workers:
        return None
    method = multiprocessing.get_start_method()
    return 'fork' if method == 'forkserver' else method


def fitting_workers(workers: int, batch_bytes: int) -> int:
    """Return for how many processes the shared memory has room; warn if not for all.

    torch passes a batch through ``/dev/shm``, of which a container has 64 MB by
    default; a process that finds no room there dies of a bus error.

    Args:
        workers: number of processes that were asked for.
        batch_bytes: bytes of a batch, as it is passed.
    """
    if not workers or not batch_bytes or not os.path.isdir(_SHARED):
        return workers
    free = shutil.disk_usage(_SHARED).free
    # One batch more is with the reader.
    fitting = min(workers, max(free // batch_bytes - 1, 0) // _AHEAD)
    if fitting < workers:
        who = f'{fitting} of them' if fitting else 'this process by itself'
        warnings.warn(
            f'{_SHARED} has {free >> 20} MB free, and each of {workers} loading '
            f'processes needs {_AHEAD * batch_bytes >> 20} MB of it: images are loaded '
            f'by {who}. Start the container with --shm-size=8g for all.',
            stacklevel=3,
        )
    return fitting


def read_apart(read: Callable[[Path], Read], path: Path) -> Read:
    """Read a file in a process of its own, which has so much time for it.

    A library in C can loop for ever over a damaged file, or end its process; no signal
    reaches Python then.

    Args:
        read: a module's function; what it returns and raises can be pickled.
        path: the file.

    Raises:
        ValueError: it took 10 s and a second for each 2 MB, or the process died.
    """
    seconds = _SECONDS + path.stat().st_size / _RATE
    context = multiprocessing.get_context(start_method())
    receiver, sender = context.Pipe(duplex=False)
    process: Any = context.Process(target=_send, args=(sender, read, path), daemon=True)  # type: ignore[attr-defined]
    process.start()
    sender.close()
    try:
        if not receiver.poll(seconds):
            raise ValueError(
                f'{path} could not be read within {seconds:.0f} s: it is damaged. Copy '
                'or write it again.'
            )
        content = receiver.recv()
    except EOFError:
        raise ValueError(
            f'{path} ended the process that read it: it is damaged. Copy or write it '
            'again.'
        ) from None
    finally:
        process.kill()
        process.join()
        receiver.close()
    if isinstance(content, Exception):
        raise content
    return content


def _send(sender: Connection, read: Callable[[Path], Any], path: Path) -> None:
    try:
        sender.send(read(path))
    except Exception as error:  # for the process that asked
        sender.send(error)
