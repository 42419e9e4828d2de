"""Predictions for slides, from the file of ``mim test … --out results.json``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np

from cite.core.evaluation.confusion import class_recall, confusion
from cite.core.evaluation.scores import bag_scores
from cite.datasets.tables.annotations import Annotation, read_annotations
from cite.datasets.tables.slide_rule import PREFIX, SlideRule

NAMES = ('file', 'slide', 'label')  # of each patch, see cite.apis.result_file


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
    results: Union[str, Path],
    ann_file: Union[str, Path, None] = None,
    rule: SlideRule = PREFIX,
) -> SlidePredictions:
    """Average the patches' scores over each slide.

    Args:
        results: the JSON file of ``mim test mmcls … --out FILE``, with
            ``class_scores``.
        ann_file: the annotation file that was tested on. Results that name their slides
            do not need it; if it is given, they must be of this file.
        rule: which slide a patch belongs to, for results that do not say it.

    Returns:
        One row per slide.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: the results have no scores, or are not of this annotation file.
    """
    path = Path(results)
    values, scores = _read_scores(path)
    named = all(key in values for key in NAMES)
    if not named and ann_file is None:
        raise ValueError(
            f'{path} does not name its slides; give the annotation file that was '
            'tested on too.'
        )
    columns = [values[key] for key in NAMES] if named else []
    if any(not isinstance(c, list) or len(c) != len(scores) for c in columns):
        raise ValueError(f'{path}: {", ".join(NAMES)} are not one a patch.')
    kinds = (str, str, int)
    if any(type(v) is not kind for c, kind in zip(columns, kinds) for v in c):
        raise ValueError(f'{path}: {", ".join(NAMES)} are not texts and numbers.')
    if ann_file is not None:
        annotations = read_annotations(ann_file, scores.shape[1])
        _check_same(path, scores, columns, ann_file, annotations)
        if not named:
            columns = [
                [annotation.filename for annotation in annotations],
                [rule(annotation.filename) for annotation in annotations],
                [annotation.label for annotation in annotations],
            ]
    slides, labels = np.array(columns[1]), np.array(columns[2])
    try:
        means, labels, names = bag_scores(scores, labels, slides)
    except ValueError as error:
        raise ValueError(f'{path if named else ann_file}: {error}') from error
    return SlidePredictions(names, labels, means)


def _check_same(
    path: Path,
    scores: np.ndarray,
    columns: Sequence[list],
    ann_file: Union[str, Path],
    annotations: Sequence[Annotation],
) -> None:
    """Refuse results of another annotation file."""
    if len(annotations) != len(scores):
        raise ValueError(
            f'{path} holds the scores of {len(scores)} patches, {ann_file} lists '
            f'{len(annotations)}. Name the annotation file that was tested on.'
        )
    for line, (file, annotation) in enumerate(
        zip(columns[0] if columns else (), annotations), 1
    ):
        if file != annotation.filename:
            raise ValueError(
                f'{path} has the scores of {file} where {ann_file}:{line} lists '
                f'{annotation.filename}. Name the annotation file that was tested on.'
            )


def _read_scores(path: Path) -> tuple[dict, np.ndarray]:
    """Return what a results file holds, and its scores (N, K)."""
    remedy = (
        f'Write it with `cite test CONFIG CKPT --out {path} --out-items class_scores`.'
    )
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such file. {remedy}')
    try:
        values = json.loads(path.read_text(encoding='utf-8'))
        scores = np.array(values['class_scores'], np.float64)
        if scores.ndim != 2 or not scores.size or isinstance(values, list):
            raise ValueError('not a table of patches and classes')
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        message = f'{path} is not a JSON file with class_scores. {remedy}'
        raise ValueError(message) from error
    odd = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if odd.size:
        raise ValueError(
            f'{path}: the class_scores of {odd.size} of {len(scores)} patches are NaN '
            f'or infinite (first: patch {odd[0]}): their images could not be '
            'read, or the weights diverged. Test again on readable patches.'
        )
    return values, scores
