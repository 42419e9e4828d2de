"""How the processes that load and check images are started and waited for."""

import contextlib
import multiprocessing
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Callable, Optional


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


@contextlib.contextmanager
def without_naps(function: Callable[..., Any]) -> Iterator[None]:
    """Let a function of mmcv or mmcls, and the rest of its module, not sleep.

    Their runners sleep two seconds an epoch and one at the end, and mmcls' test on
    ranks sleeps two, for fear that loggers or the processes of one epoch's loader have
    not ended. Loggers write at once, and torch's loader waits for its processes.

    Args:
        function: of a module that imports ``time``.
    """
    module: Any = sys.modules[function.__module__]
    original = module.time
    module.time = SimpleNamespace(**{**vars(time), 'sleep': lambda seconds: None})
    try:
        yield
    finally:
        module.time = original
