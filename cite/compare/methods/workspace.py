"""Where a method works: its job's folder, and what a worker keeps between jobs."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Optional

import numpy as np
from mmcv import Config

from cite.apis.run_identity import path_contents
from cite.core.files.write_whole import write_text_whole
from cite.datasets.storage.patch_cache import PatchCache, cache_limit, fast_step

from .job import read_method

#: File in a job's folder with what its training had to say.
TRAINING = 'training.json'

_LIMIT = '4GB'


class SharedPatches:
    """Decoded patches in a worker's memory, for the data sets of all its jobs.

    Each size and interpolation has a cache of its own, in which a patch's place goes by
    its file's name.
    """

    def __init__(self) -> None:
        self._views: dict[Any, _View] = {}  # by size and interpolation

    def share(self, dataset: Any, cfg: Config) -> Any:
        """Let a data set that loads in this process use the patches; returns it."""
        step = fast_step(dataset.pipeline.transforms)
        if step is not None and not cfg.data.get('workers_per_gpu'):
            kind = (step.size, step.interpolation)
            if kind not in self._views:
                self._views[kind] = _View(step.size)
            dataset.cache = self._views[kind]
        return dataset


class _View:
    """A cache whose places go by file names rather than by a data set's order."""

    def __init__(self, size: int) -> None:
        limit = min(cache_limit(_LIMIT), cache_limit('auto'))
        self._places: dict[str, int] = {}
        self._cache = PatchCache(limit, size, limit)

    def fetch(self, results: Any, load: Callable[[], np.ndarray]) -> np.ndarray:
        """Return an item's patch, (3, size, size), kept or else loaded."""
        path = results['img_info']['filename']
        place = self._places.setdefault(path, len(self._places))
        results['cache_index'] = place
        return self._cache.fetch(results, load)


class Kept:
    """What a worker keeps between jobs: patches, configs and digests of files.

    Configs and files are read once, as when the jobs were planned.
    """

    def __init__(self) -> None:
        self.patches = SharedPatches()
        self.read_method = functools.cache(read_method)
        self.contents = functools.cache(path_contents)


@dataclass(frozen=True)
class Workspace:
    """Where a method works.

    Args:
        folder: folder of the job, ``{out}/jobs/{name}``.
        kept: what the worker keeps between jobs.
        feature_folder: where features are kept; by default where all jobs of a
            comparison share them.
    """

    folder: Path
    kept: Kept = field(default_factory=Kept)
    feature_folder: Optional[Path] = None

    @property
    def features(self) -> Path:
        """The folder of the features that all jobs of a comparison share."""
        return self.feature_folder or self.folder.parent.parent / 'features'

    def record(self, **facts: Any) -> None:
        """Add facts about the training, plain data, to ``training.json``.

        They become part of the job's line in ``results.jsonl``.
        """
        path = self.folder / TRAINING
        known = json.loads(path.read_text()) if path.is_file() else {}
        write_text_whole(path, json.dumps({**known, **facts}))

    def record_losses(self, losses: Sequence[float]) -> None:
        """Record the mean loss of the last tenth of the steps, and of the tenth before.

        They tell where a training ended, and whether its loss was still falling.

        Args:
            losses: loss of each step; of fewer than two, nothing is recorded.
        """
        tenth = max(len(losses) // 10, 1)
        if len(losses) < 2 * tenth:
            return
        last, before = losses[-tenth:], losses[-2 * tenth : -tenth]
        self.record(
            loss=float(np.mean(last)),
            loss_before=float(np.mean(before)),
            steps=len(losses),
        )
