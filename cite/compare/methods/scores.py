import functools
import os
from typing import Any, NamedTuple, Optional

import numpy as np
from mmcls.datasets import build_dataset
from mmcv import Config

from cite.datasets.tables.annotations import read_annotations
from cite.datasets.tables.slide_rule import SlideRule
from cite.models.image_stats import settle_images


class Scores(NamedTuple):
    """Probabilities that a method gives to the test slides.

    Args:
        patches: (N, K) in the annotation file's order; None if the method scores
            whole slides only.
        slides: (B, K) sorted by slide id; None means the patches' mean.
    """

    patches: Optional[np.ndarray] = None
    slides: Optional[np.ndarray] = None


class Lines(NamedTuple):
    """The lines of an annotation file, for reading only."""

    files: list[str]
    labels: np.ndarray  # (N,)
    slides: np.ndarray  # (N,) ids


def read_lines(path: str, classes: int, slide: str = 'prefix') -> Lines:
    """Read an annotation file's names, labels and slides, as a rule tells them.

    The last few files are kept, because the jobs of a comparison share theirs.
    """
    return _read_lines(path, _stamp(path), classes, slide)


def _stamp(path: str) -> Any:
    """Return what changes with a file's contents; None if it is missing."""
    try:
        facts = os.stat(path)
    except OSError:  # reading says what is wrong
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


@functools.lru_cache(maxsize=8)
def _read_lines(path: str, _: Any, classes: int, slide: str) -> Lines:
    annotations = read_annotations(path, classes)
    names = [line.filename for line in annotations]
    labels = np.array([line.label for line in annotations])
    slides = np.array(SlideRule(slide).of_files(names, path))
    for column in (labels, slides):
        column.flags.writeable = False
    return Lines(names, labels, slides)


def build_part(cfg: Config, part: str) -> Any:
    """Build ``data.train`` or ``data.test`` for the config's model."""
    testing = None if part == 'train' else {'test_mode': True}
    dataset = build_dataset(cfg.data[part], testing)
    settle_images(dataset, cfg.model)
    return dataset
