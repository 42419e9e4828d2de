"""A data set's store of decoded and resized patches: a packed file, or this cache."""

import mmap
import os
import re
from collections.abc import Sequence
from typing import Any, Callable, Optional, Union

import numpy as np

from .pack import PackedPatches

_UNITS = {'': 1, 'KB': 10**3, 'MB': 10**6, 'GB': 10**9, 'TB': 10**12}
# Share of the memory that is free at the start; the model and the system need the rest.
_AUTO_SHARE = 0.25


def open_store(dataset: Any, packed: Optional[str], limit: int) -> Any:
    """Open the store in which a data set looks for a patch before it decodes the file.

    Args:
        dataset: data set with ``pipeline`` and ``filenames()``.
        packed: path of a packed file, if there is one.
        limit: bytes that a cache may take if there is none; 0 is without a cache.

    Returns:
        A packed file or a cache; None without either, and while the size of the images
        is left to a model that is not known yet.

    Raises:
        ValueError: the pipeline cannot read the packed file, or the file was made for
            other images.
        FileNotFoundError: the packed file is missing.
    """
    step = fast_step(dataset.pipeline.transforms)
    if step is None and packed is not None:
        raise ValueError(
            f"packed={packed!r} needs a PatchGastricPipeline with backend='fast'."
        )
    if step is None or not getattr(step, 'is_settled', True):
        return None
    if packed is not None:
        names = dataset.filenames()
        return PackedPatches(packed, names, step.size, step.interpolation)
    return PatchCache(len(dataset), step.size, limit) if limit else None


def fast_step(steps: Sequence[Any]) -> Any:
    """Return the first step of a pipeline with ``backend='fast'``, or None."""
    fast = (step for step in steps if getattr(step, 'backend', None) == 'fast')
    return next(fast, None)


class PatchCache:
    """Keeps each patch that a worker has read in memory that all workers share.

    The memory is mapped before the workers are forked. The first worker to read a patch
    fills its slot; two that read the same one write the same bytes. The memory is freed
    with the last process that has it. A patch is read again if its file's size or time
    has changed. Workers that are spawned instead of forked have no cache.

    Args:
        num_patches: N.
        size: edge of a patch, pixels.
        limit: bytes; the first patches that fit are kept.
    """

    def __init__(self, num_patches: int, size: int, limit: int) -> None:
        self.shape = (3, size, size)
        slot = 3 * size * size + 16
        self.capacity = min(num_patches, limit // slot)
        self._stamps: Optional[np.ndarray] = None
        if self.capacity:
            # Pages cost nothing until they are written.
            memory = mmap.mmap(-1, self.capacity * slot)
            stamps = np.frombuffer(memory, np.int64, 2 * self.capacity)
            self._stamps = stamps.reshape(-1, 2)  # (capacity, 2): time, size
            pixels = np.frombuffer(memory, np.uint8, offset=16 * self.capacity)
            self._pixels = pixels.reshape(self.capacity, *self.shape)

    def fetch(self, results: Any, load: Callable[[], np.ndarray]) -> np.ndarray:
        """Return an item's patch, from the cache or else loaded.

        Args:
            results: the data set's item, with ``cache_index`` and ``img_info``.
            load: reads the patch from its file, (3, size, size), uint8.

        Returns:
            (3, size, size), uint8; read-only where it is the cache's own memory.
        """
        index = results['cache_index']
        if self._stamps is None or index >= self.capacity:
            return load()
        path = results['img_info']['filename']
        try:
            status = os.stat(path)
        except OSError:
            return load()  # which reports what is wrong
        stamp = (status.st_mtime_ns, status.st_size)
        if tuple(self._stamps[index]) != stamp:
            planes = load()
            self._stamps[index] = 0
            self._pixels[index] = planes
            self._stamps[index] = stamp  # last: a patch with a stamp is complete
            return planes
        kept = self._pixels[index]
        kept.flags.writeable = False
        return kept

    def __getstate__(self) -> dict[str, Any]:
        return {'shape': self.shape, 'capacity': 0, '_stamps': None}


def cache_limit(setting: Union[str, int, None]) -> int:
    """Return how many bytes a cache may take.

    Args:
        setting: ``'auto'`` (a quarter of the free memory), a number of bytes,
            ``'4GB'``, or None or ``'off'``.

    Raises:
        ValueError: none of these.
    """
    if setting is None or setting == 'off':
        return 0
    if isinstance(setting, int) and not isinstance(setting, bool) and setting >= 0:
        return setting
    if setting == 'auto':
        return int(_free_memory() * _AUTO_SHARE)
    match = re.fullmatch(r'(\d+(?:\.\d+)?) ?([KMGT]?B?)', str(setting).upper())
    if match is None or match[2] not in _UNITS:
        raise ValueError(
            f"cache={setting!r}; write 'auto', 'off', or a size such as '4GB'."
        )
    return int(float(match[1]) * _UNITS[match[2]])


def _free_memory() -> int:
    try:
        with open('/proc/meminfo') as file:
            for line in file:
                if line.startswith('MemAvailable:'):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
