"""Splits as CLAM keeps them: ``splits_{k}.csv`` with columns train, val and test."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cite.core.files.csv_table import read_csv_table
from cite.core.files.write_whole import write_text_whole
from cite.core.messages import count, shorten
from cite.datasets.tables.annotations import Annotation
from cite.datasets.tables.slide_rule import PREFIX, SlideRule

COLUMNS = ('train', 'val', 'test')
_TRAIN = re.compile(r'train_([^_]+)_[^_]+?(?:_draw(\d+))?\.txt')


class ClamSplit(NamedTuple):
    """The slides of a file, in its order."""

    path: Path
    train: list[str]
    val: list[str]
    test: list[str]


def write_clam_splits(
    folder: Path,
    files: Mapping[Path, Sequence[Annotation]],
    rule: SlideRule = PREFIX,
) -> list[Path]:
    """Write ``{k}shot/splits_{d}.csv`` for the draws of ``cite ann``.

    Each folder is a ``--split_dir`` of CLAM. Draws count from 0; without draws there is
    one file, of the slides with the most patches. The column ``val`` is empty: slides
    to choose an epoch by would be further shots.

    Args:
        folder: folder to write to.
        files: annotation files as :func:`.split.make_split` returns them.
        rule: which slide a patch belongs to.

    Returns:
        The files.
    """
    test: list[str] = []
    draws: dict[str, dict[int, list[str]]] = {}
    for file, lines in files.items():
        slides = sorted({rule(line.filename) for line in lines})
        match = _TRAIN.fullmatch(file.name)
        if match is None:
            test = slides
        else:
            draws.setdefault(match[1], {})[int(match[2] or 0)] = slides
    paths = []
    for shots, by_draw in draws.items():
        # The largest slides count only where no draws were asked for.
        chosen = [by_draw[d] for d in sorted(by_draw) if d or len(by_draw) == 1]
        for number, train in enumerate(chosen):
            name = f'{shots}shot'
            rows = max(len(train), len(test))
            columns = [[*ids, *[''] * (rows - len(ids))] for ids in (train, [], test)]
            text = io.StringIO()
            writer = csv.writer(text, lineterminator='\n')
            writer.writerow(['', *COLUMNS])
            writer.writerows([i, *cells] for i, cells in enumerate(zip(*columns)))
            path = folder / name / f'splits_{number}.csv'
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text_whole(path, text.getvalue())
            paths.append(path)
    return paths


def read_clam_splits(folder: Path) -> list[ClamSplit]:
    """Read ``splits_0.csv``, ``splits_1.csv`` and so on, in the order of their numbers.

    Raises:
        FileNotFoundError: the folder or file is missing.
        ValueError: a column is missing, a file has no training or no test slide, or a
            slide is listed twice; the message names the line.
    """
    numbers = {
        path.stem.rpartition('_')[2]: path for path in folder.glob('splits_*.csv')
    }
    # Also there: splits_0_bool.csv and splits_0_descriptor.csv, of the same content.
    files = [numbers[n] for n in sorted(filter(str.isdecimal, numbers), key=int)]
    if not files:
        raise FileNotFoundError(
            f'{folder}: no splits_0.csv in it. Name the folder that CLAM takes as '
            '--split_dir.'
        )
    return [_read(path) for path in files]


def _read(path: Path) -> ClamSplit:
    table = read_csv_table(path)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(
            f'{path}:1: the columns {", ".join(missing)} are missing: CLAM writes '
            'train, val and test.'
        )
    places: dict[str, str] = {}
    columns: dict[str, list[str]] = {name: [] for name in COLUMNS}
    twice = []
    for line, row in table.rows:
        for name in COLUMNS:
            slide = row[name]
            if not slide:
                continue
            where = f'{name} in line {line}'
            if slide in places:
                twice.append(f'{slide} is in {places[slide]} and {where}')
            places.setdefault(slide, where)
            columns[name].append(slide)
    if twice:
        raise ValueError(
            f'{path}: {count(len(twice), "slide")} listed twice, so that results '
            f'would mean nothing: {shorten(twice, 3)}. Correct the file.'
        )
    for name in ('train', 'test'):
        if not columns[name]:
            raise ValueError(f'{path}: no slide in the column {name}.')
    return ClamSplit(path, **columns)
