"""Decoded patches in memory, for all jobs of a process."""

import os
from typing import Any, Callable

import numpy as np
from mmcv import Config

from cite.datasets.storage.open_store import fast_step
from cite.datasets.storage.patch_cache import cache_limit

_LIMIT = '4GB'


class SharedPatches:
    """Keeps decoded and resized patches by file, size and interpolation.

    It stands in the place of a data set's ``cache``, where images are loaded in the
    process itself: jobs then do not decode anew what the job before has.

    Args:
        kept: where patches are kept, shared by all of a process.
        kind: size and interpolation.
        limit: bytes.
    """

    def __init__(self, kept: dict, kind: tuple, limit: int) -> None:
        self.kept = kept
        self.kind = kind
        self.limit = limit

    def fetch(self, results: Any, load: Callable[[], np.ndarray]) -> np.ndarray:
        """Return an item's patch, (3, size, size), kept or else loaded."""
        path = results['img_info']['filename']
        try:
            status = os.stat(path)
        except OSError:
            return load()  # which says what is wrong
        key = (path, status.st_mtime_ns, status.st_size, *self.kind)
        if key in self.kept:
            results['filename'] = path
            return self.kept[key]
        planes = load()
        if (len(self.kept) + 1) * planes.nbytes <= self.limit:
            planes = planes.copy()
            planes.flags.writeable = False
            self.kept[key] = planes
        return planes


_kept: dict = {}


def share_patches(dataset: Any, cfg: Config) -> Any:
    """Let a data set use this process's patches, where it loads in it; returns it."""
    step = fast_step(dataset.pipeline.transforms)
    if step is not None and not cfg.data.get('workers_per_gpu'):
        kind = (step.size, step.interpolation)
        dataset.cache = SharedPatches(_kept, kind, cache_limit(_LIMIT))
    return dataset
