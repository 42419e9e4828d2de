"""How the processes that load and check images are started."""

import multiprocessing
from typing import Optional


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
