"""How the processes that load and check images are started, and how many."""

import multiprocessing
import os
import shutil
import warnings
from typing import Optional

_SHARED = '/dev/shm'
_AHEAD = 2  # batches that torch lets a process hold ready


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
