"""Predictions for slides, from the file of ``mim test … --out results.json``."""

import json
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from cite.core.evaluation.confusion import class_recall, confusion
from cite.core.evaluation.scores import bag_scores
from cite.datasets.tables.annotations import bag_of, read_annotations


class SlidePredictions(NamedTuple):
    """The slides of an annotation file, sorted by id."""

    slides: np.ndarray  # (B,) ids
    labels: np.ndarray  # (B,) their classes
    scores: np.ndarray  # (B, K) their probabilities

    @property
    def correct(self) -> np.ndarray:
        """Whether the likeliest class is the slide's, (B,)."""
        return self.scores.argmax(1) == self.labels

    def class_accuracies(self) -> np.ndarray:
        """Return each class's share of right slides, 0 to 1, NaN without any, (K,)."""
        return class_recall(self.confusion())

    def confusion(self) -> np.ndarray:
        """Count slides by true class (rows) and predicted class (columns), (K, K)."""
        return confusion(self.scores, self.labels)


def read_predictions(
    results: Union[str, Path], ann_file: Union[str, Path]
) -> SlidePredictions:
    """Average the patches' scores over each slide.

    Args:
        results: the JSON file of ``mim test mmcls … --out FILE``, with
            ``class_scores``.
        ann_file: the annotation file that was tested on.

    Returns:
        One row per slide.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: the results have no scores, or are not of this annotation file.
    """
    scores = _read_scores(Path(results))
    annotations = read_annotations(ann_file, scores.shape[1])
    if len(annotations) != len(scores):
        raise ValueError(
            f'{results} holds the scores of {len(scores)} patches, {ann_file} lists '
            f'{len(annotations)}. Name the annotation file that was tested on.'
        )
    bags = np.array([bag_of(annotation.filename) for annotation in annotations])
    labels = np.array([annotation.label for annotation in annotations])
    means, labels, names = bag_scores(scores, labels, bags)
    return SlidePredictions(names, labels, means)


def _read_scores(path: Path) -> np.ndarray:
    remedy = (
        'Write it with `mim test mmcls CONFIG --checkpoint CKPT '
        f'--out {path} --out-items class_scores`.'
    )
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {remedy}')
    try:
        scores = np.array(json.loads(path.read_text(encoding='utf-8'))['class_scores'])
    except (ValueError, KeyError, TypeError) as error:
        message = f'{path} is not a JSON file with class_scores. {remedy}'
        raise ValueError(message) from error
    if scores.ndim != 2 or scores.dtype.kind not in 'fi' or np.isinf(scores).any():
        raise ValueError(f'{path}: class_scores is not a table of patches and classes.')
    return scores  # (N, K)
