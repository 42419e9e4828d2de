import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cite.core.files.csv_table import plain_cell, read_csv_table
from cite.core.messages import shorten

from .job import JobInputs
from .scores import Lines, Scores, read_lines
from .workspace import Workspace

#: ``predictions`` is a path with ``{shots}``, ``{draw}`` and ``{seed}``.
SETTINGS = {'predictions': ''}
_OTHERS = ('patient', 'label', 'patches')  # columns that our own predictions have, too
_SUM = 1e-3  # by which rounded probabilities may miss 1


def external(inputs: JobInputs, workspace: Workspace) -> Scores:
    """Take the probabilities that another program gave to the test slides.

    Args:
        inputs: inputs of the job; ``files['predictions']`` is a CSV with the column
            ``slide`` and one for each class, as ``predictions/`` of a comparison has.
        workspace: without effect.

    Raises:
        ValueError: see :func:`read_predictions`.
    """
    lines = read_lines(inputs.files['val'], len(inputs.classes), inputs.slide)
    path = Path(inputs.files['predictions'])
    return Scores(slides=read_predictions(path, lines, inputs.classes))


def read_predictions(path: Path, lines: Lines, classes: Sequence[str]) -> np.ndarray:
    """Read and check the probabilities of the test slides.

    Args:
        path: CSV; its slides may be in any order.
        lines: lines of the annotation file of the test slides.
        classes: names of the K classes.

    Returns:
        (B, K), sorted by slide id.

    Raises:
        ValueError: a column, slide or number is missing or wrong, a slide is not one of
            the test slides or has another label there, or probabilities do not sum to
            1; the message names the line.
    """
    table = read_csv_table(path)
    _check_columns(path, table.columns, classes)
    slides, first = np.unique(lines.slides, return_index=True)
    labels = {plain_cell(s): classes[k] for s, k in zip(slides, lines.labels[first])}
    scores: dict[str, list[float]] = {}
    for line, row in table.rows:
        where, slide = f'{path}:{line}', row['slide']
        if slide not in labels:
            raise ValueError(f'{where}: {slide!r} is not one of the test slides.')
        if slide in scores:
            raise ValueError(f'{where}: slide {slide} has a line before.')
        if row.get('label') not in (None, '', plain_cell(labels[slide])):
            raise ValueError(
                f'{where}: slide {slide} has the label {row["label"]!r}, but '
                f'{labels[slide]!r} in the annotation file.'
            )
        cells = [row[plain_cell(name)] for name in classes]
        scores[slide] = _probabilities(where, cells)
    missing = sorted({*labels} - {*scores})
    if missing:
        raise ValueError(
            f'{path}: no line for {len(missing)} of {len(labels)} test slides: '
            f'{shorten(missing)}. Predict them, too.'
        )
    return np.array([scores[plain_cell(slide)] for slide in slides], np.float64)


def _check_columns(path: Path, names: list[str], classes: Sequence[str]) -> None:
    needed = ['slide', *map(plain_cell, classes)]
    missing = [name for name in needed if name not in names]
    unknown = [name for name in names if name not in (*needed, *_OTHERS)]
    if missing or unknown:
        raise ValueError(
            f'{path}:1: the columns are {names}; give slide and a column for each '
            f'class, {[*classes]}.'
        )


def _probabilities(where: str, cells: Sequence[str]) -> list[float]:
    try:
        values = [float(cell) for cell in cells]
    except (TypeError, ValueError):
        raise ValueError(f'{where}: {cells} are not numbers.') from None
    if not all(math.isfinite(value) and 0 <= value <= 1 for value in values):
        raise ValueError(f'{where}: {values} are not probabilities, from 0 to 1.')
    if abs(sum(values) - 1) > _SUM:
        raise ValueError(
            f'{where}: the probabilities sum to {sum(values):.4f}, not to 1. Give the '
            'softmax of the logits.'
        )
    return [value / sum(values) for value in values]
