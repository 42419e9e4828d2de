"""What a job's training had to say of itself, in its line of ``results.jsonl``."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np

from cite.compare.methods.workspace import TRAINING
from cite.core.files.json_file import read_json


class Vectors(NamedTuple):
    """Class vectors that a head compares images with."""

    cosines: np.ndarray  # (K, K)
    contrast: float  # rms distance of the unit vectors
    temperature: float  # logarithm of the cosine's factor

    @property
    def factor(self) -> float:
        """What a cosine is multiplied by to give a logit."""
        return math.exp(min(self.temperature, 700.0))


class HeldOut(NamedTuple):
    """Training slides, each scored by a model that was not trained on its patient."""

    scores: np.ndarray  # (B, K)
    labels: np.ndarray  # (B,)
    groups: np.ndarray  # (B,) patient, or slide where that is unknown


class Training(NamedTuple):
    """What is known of a training; None where it was not recorded (old folders)."""

    loss: Optional[float] = None  # mean of the last tenth of the steps
    loss_before: Optional[float] = None  # of the tenth before
    texts: Optional[Vectors] = None  # what a control has replaced
    vectors: Optional[Vectors] = None  # what it was replaced by
    held_out: Optional[HeldOut] = None
    chosen: Optional[str] = None  # the trial that was chosen on training slides


def read_training_file(folder: Path) -> Optional[dict[str, Any]]:
    """Read what a job left in its folder; None if it left nothing that can be read."""
    try:
        facts = read_json(folder / TRAINING)
    except (FileNotFoundError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def parse_training(row: Mapping[str, Any], classes: int) -> Training:
    """Return what a line of the results says of the training.

    Anything that is not as this version writes it counts as not recorded.

    Args:
        row: a line of the results.
        classes: number of classes, K.
    """
    facts = row.get('training')
    if not isinstance(facts, dict):
        return Training()
    chosen = facts.get('chosen')
    return Training(
        _number(facts.get('loss')),
        _number(facts.get('loss_before')),
        _vectors(facts.get('texts'), classes),
        _vectors(facts.get('vectors'), classes),
        _held_out(facts.get('held_out'), classes),
        chosen if isinstance(chosen, str) else None,
    )


def _number(value: Any) -> Optional[float]:
    plain = type(value) in (int, float) and math.isfinite(value)
    return float(value) if plain else None


def _vectors(facts: Any, classes: int) -> Optional[Vectors]:
    if not isinstance(facts, dict):
        return None
    cosines = _matrix(facts.get('cosines'), classes)
    contrast = _number(facts.get('contrast'))
    temperature = _number(facts.get('temperature'))
    if cosines is None or len(cosines) != classes:
        return None
    if contrast is None or temperature is None:
        return None
    return Vectors(cosines, contrast, temperature)


def _held_out(facts: Any, classes: int) -> Optional[HeldOut]:
    if not isinstance(facts, dict):
        return None
    scores = _matrix(facts.get('scores'), classes)
    labels, groups = facts.get('labels'), facts.get('groups')
    if scores is None or not isinstance(labels, list) or not isinstance(groups, list):
        return None
    if not len(scores) == len(labels) == len(groups) > 0:
        return None
    fits = all(type(label) is int and 0 <= label < classes for label in labels)
    if not fits or not all(isinstance(group, str) for group in groups):
        return None
    return HeldOut(scores, np.array(labels), np.array(groups))


def _matrix(values: Any, columns: int) -> Optional[np.ndarray]:
    try:
        matrix = np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
    fits = matrix.ndim == 2 and matrix.shape[1] == columns
    return matrix if fits and np.isfinite(matrix).all() else None
