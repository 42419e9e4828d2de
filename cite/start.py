"""What is settled before torch and mmcv are imported; imports nothing but Python's own.

Threads, lines that no user can act on, and the part of a run's log that its file has
and the screen does not need.
"""

import contextlib
import gc
import importlib
import io
import logging
import math
import os
import re
import sys
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Optional

# Warnings of other packages' imports about their own next versions and extra parts.
_NOISE = (
    'On January 1, 2023, MMCV will release',
    'Fail to import ``MultiScaleDeformableAttention``',
    'pkg_resources is deprecated',
)
# What mmcls and mmcv log before training: hundreds of lines, all in the log file.
_AT_LENGTH = re.compile(
    r'Environment info:|Config:|Hooks will be executed|Distributed training: False'
    r'|\n\S+ - torch\.Size\('  # how a weight was initialised
)
_LOGGERS = ('mmcls', 'mmcv')
_THREADS = 'OMP_NUM_THREADS'  # MKL follows it
# Commands that need neither torch nor what is registered with mmcls.
WITHOUT_TORCH = ('ann', 'configs', 'doctor', 'install-mmcv', 'tile')


def settle_threads() -> None:
    """Let torch use the cores that this process may use, unless the user has chosen.

    In a container torch counts the cores of the whole machine. torch reads the
    variables when it is imported; a torch that is there already is told.
    """
    if _THREADS in os.environ:
        return
    cores = usable_cores()
    os.environ[_THREADS] = str(cores)
    torch = sys.modules.get('torch')
    if torch is not None and torch.get_num_threads() > cores:
        torch.set_num_threads(cores)


def usable_cores(limits: Path = Path('/sys/fs/cgroup')) -> int:
    """Count the cores of this process: its affinity, and its container's quota.

    Args:
        limits: folder of the container's limits, of cgroup's version 1 or 2.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, 'sched_getaffinity'):  # not on macOS
        cores = len(os.sched_getaffinity(0))
    quota = _quota(limits)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota(limits: Path) -> Optional[float]:
    """Return how many cores a container may use; None without a limit."""
    try:
        if (limits / 'cpu.max').is_file():
            words = (limits / 'cpu.max').read_text().split()
        else:
            names = ('cpu.cfs_quota_us', 'cpu.cfs_period_us')
            words = [(limits / 'cpu' / name).read_text().strip() for name in names]
        time, period = map(float, words)
    except (OSError, ValueError):  # no cgroup; 'max'
        return None
    return time / period if time > 0 and period > 0 else None


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Import other packages without what they say about themselves.

    The garbage collector rests meanwhile: there is next to no garbage, and it would go
    through all that was imported again and again.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            for message in _NOISE:
                warnings.filterwarnings('ignore', message=message)
            _import_cpp_extension()
            yield
    finally:
        if was_enabled:
            gc.enable()


def _import_cpp_extension() -> None:
    """Import what mmcv asks torch for, without its line about a missing GPU.

    torch printed the line until 2.13, and logs it since.
    """
    logger = logging.getLogger('torch.utils.cpp_extension')
    logger.addFilter(lambda record: 'No CUDA runtime' not in record.getMessage())
    with contextlib.suppress(Exception):  # the next import of a broken torch says why
        importlib.import_module('torch')  # its handlers keep the stream of this moment
        with contextlib.redirect_stderr(io.StringIO()):
            importlib.import_module('torch.utils.cpp_extension')


def shorten_screen() -> None:
    """Leave to the log file what mmcls' tools log at length before they train."""
    # mmcls sets it after torch has taken its threads.
    warnings.filterwarnings('ignore', message='Setting MKL_NUM_THREADS')
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if _watch_handlers not in logger.filters:
            logger.addFilter(_watch_handlers)


def _watch_handlers(record: logging.LogRecord) -> bool:
    """Put the screen's filter on handlers; mmcv makes them with the first message."""
    for handler in logging.getLogger(record.name).handlers:
        is_screen = type(handler) is logging.StreamHandler
        if is_screen and _is_for_screen not in handler.filters:
            handler.addFilter(_is_for_screen)
    return True


def _is_for_screen(record: logging.LogRecord) -> bool:
    if not _AT_LENGTH.match(record.getMessage()):
        return True
    if record.name != _LOGGERS[0]:  # mmcv's logger may have no file
        for handler in logging.getLogger(_LOGGERS[0]).handlers:
            if isinstance(handler, logging.FileHandler):
                handler.handle(record)
    return False


def log_file() -> Optional[str]:
    """Return the log file of this run; None without one."""
    for handler in logging.getLogger(_LOGGERS[0]).handlers:
        if isinstance(handler, logging.FileHandler):
            path = Path(handler.baseFilename)
            here = Path.cwd()
            return str(path.relative_to(here) if here in path.parents else path)
    return None


def environment_hint() -> str:
    """Name the environment of this folder to a Python that is not in it."""
    activate = Path('.venv/bin/activate')
    inside = Path(sys.prefix).resolve() == Path('.venv').resolve()
    if inside or not activate.is_file():
        return ''
    return f' There is an environment here: source {activate}'


def import_clip() -> None:
    """Import ``clip``, so that later imports find it.

    clip-anytorch 2.6.0 imports ``packaging`` by way of pkg_resources, which setuptools
    82 dropped. A stand-in serves while clip is imported, and is gone afterwards.
    """
    if 'pkg_resources' in sys.modules or find_spec('pkg_resources'):
        return
    import packaging.version

    stand_in = ModuleType('pkg_resources')
    stand_in.packaging = packaging  # type: ignore[attr-defined]
    sys.modules['pkg_resources'] = stand_in
    try:
        import clip  # noqa: F401
    finally:
        del sys.modules['pkg_resources']
