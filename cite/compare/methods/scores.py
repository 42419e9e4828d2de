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
    """The lines of an annotation file."""

    files: list[str]
    labels: np.ndarray  # (N,)
    slides: np.ndarray  # (N,) ids


def read_lines(path: str, classes: int, slide: str = 'prefix') -> Lines:
    """Read an annotation file's names, labels and slides, as a rule tells them."""
    annotations = read_annotations(path, classes)
    names = [line.filename for line in annotations]
    return Lines(
        names,
        np.array([line.label for line in annotations]),
        np.array(SlideRule(slide).of_files(names, path)),
    )


def build_part(cfg: Config, part: str) -> Any:
    """Build ``data.train`` or ``data.test`` for the config's model."""
    testing = None if part == 'train' else {'test_mode': True}
    dataset = build_dataset(cfg.data[part], testing)
    settle_images(dataset, cfg.model)
    return dataset
