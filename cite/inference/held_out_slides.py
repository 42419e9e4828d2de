"""Held-out slides: their probabilities, true classes and patients, from files."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
import pandas as pd

from cite.apis.predictions import read_predictions
from cite.core.files.csv_table import find_column, plain_cell, read_csv_table
from cite.core.messages import count, shorten
from cite.datasets.tables.slide_table import PATIENT_COLUMNS

from .model_folder.exported_model import ExportedModel

_SLIDE = ('id', 'slide_id', 'slide', 'anonymized_id')
_LABEL = ('label', 'class', 'grade', 'subtype')
_PROBABILITY = 'prob_'  # of the columns of ``cite predict``
_SUM = 1e-3  # how far the probabilities of a slide may be from 1


class Slides(NamedTuple):
    """Held-out slides."""

    names: np.ndarray  # (B,)
    scores: np.ndarray  # (B, K)
    labels: np.ndarray  # (B,)


def slides_of_json(
    folder: ExportedModel, predictions: Union[str, Path], ann_file: object
) -> Slides:
    """Read the JSON of ``mim test`` and the annotation file that was tested on.

    Raises:
        ValueError: the slides are not the model's, or it was trained on them.
    """
    if ann_file is None:
        raise ValueError(
            f'{predictions}: a JSON of `cite test` does not name its slides; give the '
            'annotation file that was tested on (--ann-file).'
        )
    slides = read_predictions(predictions, str(ann_file))
    _check_scores(slides.scores, slides.slides, len(folder.classes), str(predictions))
    _check_held_out(folder, slides.slides)
    return Slides(slides.slides, slides.scores, slides.labels)


def slides_of_csv(
    folder: ExportedModel, path: Path, rows: Optional[pd.DataFrame], table: object
) -> Slides:
    """Read slides.csv of ``cite predict``, and the true classes from a table's rows.

    Raises:
        ValueError: as in :func:`slides_of_json`, or a slide has no true class.
    """
    if rows is None:
        raise ValueError(
            f'{path} has no true classes: give a table with the class of each slide '
            '(--table).'
        )
    frame = read_slide_table(path)
    if 'error' in frame:
        frame = frame[frame['error'] == ''].reset_index(drop=True)
    names = frame[_column(frame, _SLIDE, path)].to_numpy(str)
    columns = [_PROBABILITY + plain_cell(name) for name in folder.classes]
    missing = [name for name in columns if name not in frame]
    if missing:
        raise ValueError(
            f'{path} lacks the columns {shorten(missing)} of the classes of '
            f'{folder.folder}. Predict with this model.'
        )
    try:
        scores = frame[columns].to_numpy(np.float64)
    except ValueError as error:
        raise ValueError(f'{path}: a probability is not a number: {error}') from error
    _check_scores(scores, names, len(folder.classes), str(path))
    _check_held_out(folder, names)
    label_of = _by_slide(rows, _LABEL, Path(str(table)))
    labels = [_label(folder, label_of, name, table) for name in names]
    return Slides(names, scores, np.array(labels, np.int64))


def _check_scores(
    scores: np.ndarray, names: np.ndarray, classes: int, file: str
) -> None:
    if not len(names):
        raise ValueError(f'{file} has no slide.')
    twice = [name for name, n in zip(*np.unique(names, return_counts=True)) if n > 1]
    if twice:
        raise ValueError(f'{file} has slide {twice[0]} twice. Keep one line of each.')
    if scores.shape[1] != classes:
        raise ValueError(
            f'{file} has {count(scores.shape[1], "class")}, the model {classes}.'
        )
    off = ~(np.abs(scores.sum(1) - 1) <= _SUM) | (scores < 0).any(1)
    if off.any():
        raise ValueError(
            f'{file}: the probabilities of slide {names[np.argmax(off)]} are '
            f'{scores[np.argmax(off)].tolist()}; they must be 0 or more and sum to 1.'
        )


def _check_held_out(folder: ExportedModel, names: Iterable[str]) -> None:
    known = [str(name) for name in names if folder.knows(str(name))]
    if known:
        raise ValueError(
            f'{folder.folder} was trained on {count(len(known), "slide")} of these '
            f'({shorten(known)}): on them it is surer than on others. Calibrate on '
            'held-out slides.'
        )


def patients_of(
    names: np.ndarray, rows: Optional[pd.DataFrame], table: object
) -> Optional[np.ndarray]:
    """Return each slide's patient, (B,), or None if the table has no such column."""
    if rows is None or find_column([*rows.columns], PATIENT_COLUMNS, table) is None:
        return None
    patient_of = _by_slide(rows, PATIENT_COLUMNS, Path(str(table)))
    missing = [name for name in names if not patient_of.get(plain_cell(name))]
    if missing:
        raise ValueError(f'{table} has no patient for {shorten(missing)}.')
    return np.array([patient_of[plain_cell(name)] for name in names])


def _label(
    folder: ExportedModel, label_of: dict[str, str], name: str, table: object
) -> int:
    label, classes = label_of.get(plain_cell(name)), [*map(plain_cell, folder.classes)]
    if label in classes:
        return classes.index(label)
    numbers = [str(k) for k in range(len(folder.classes))]
    if label in numbers:
        return numbers.index(label)
    if label is None:
        raise ValueError(f'{table} has no slide {name}. Add its class.')
    raise ValueError(
        f'{table}: slide {name} has the class {label!r}; the model has '
        f'{json.dumps(folder.classes, ensure_ascii=False)}. Write one of them, or its '
        'number from 0.'
    )


def _by_slide(rows: pd.DataFrame, names: tuple[str, ...], path: Path) -> dict[str, str]:
    slides = rows[_column(rows, _SLIDE, path)]
    values = rows[_column(rows, names, path)]
    by_slide: dict[str, str] = {}
    for line, slide, value in zip(rows.index, slides, values):
        if by_slide.setdefault(slide, value) != value:
            raise ValueError(
                f'{path}:{line}: slide {slide} is {value!r} here and '
                f'{by_slide[slide]!r} above. Keep one.'
            )
    return by_slide


def read_slide_table(path: Path) -> pd.DataFrame:
    """Read a CSV as text, with the names of its columns but those of classes small.

    The index is the line on which each row begins.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such table.')
    table = read_csv_table(path)
    names = {
        name: name if name.startswith(_PROBABILITY) else name.lower()
        for name in table.columns
        if name
    }
    twice = [name for name, n in Counter(names.values()).items() if n > 1]
    if twice:
        raise ValueError(f'{path}:1: the column {twice[0][:60]!r} is there twice.')
    rows = [[row[name] for name in names] for _, row in table.rows]
    lines = [line for line, _ in table.rows]
    return pd.DataFrame(rows, lines, [*names.values()], dtype=str)


def _column(frame: pd.DataFrame, names: tuple[str, ...], path: Path) -> str:
    column = find_column([*frame.columns], names, path)
    if column is not None:
        return column
    raise ValueError(
        f'{path} has the columns {shorten([*frame.columns], 12)}; it needs one of '
        f'{", ".join(names)}.'
    )
