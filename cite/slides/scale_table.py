"""Microns per pixel that a user gives: one number, or a table by slide."""

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from cite.core.files.csv_table import find_column, plain_cell, read_csv_table
from cite.core.messages import shorten

from .find_slides import SlideFile
from .scale import check_mpp


class ScaleTable:
    """What ``--mpp`` says about each slide.

    Args:
        option: a number, the path of a CSV with the columns ``slide`` and ``mpp``, or
            None. ``slide`` is a file's name or path, with or without its ending, or
            its id.
        slides: the slides that it is for.

    Raises:
        FileNotFoundError: the table is missing.
        ValueError: a number out of range, a fault in the table, with its line, or it
            has none of the slides. Rows of other slides are a warning if a slide has
            no row: one of them is probably misspelt.
    """

    def __init__(self, option: Optional[str], slides: Sequence[SlideFile]) -> None:
        self.number: Optional[float] = None
        self.rows: dict[str, float] = {}
        if option is None:
            return
        try:
            number = float(option)
        except ValueError:
            self.rows = _read(Path(option).expanduser())
            self._compare(option, slides)
        else:
            self.number = check_mpp(number, '--mpp')

    def __getitem__(self, slide: SlideFile) -> Optional[float]:
        """Return microns per pixel of a slide, or None if the file has to say."""
        scales = [self.rows[name] for name in _names(slide) if name in self.rows]
        return scales[0] if scales else self.number

    def _compare(self, table: str, slides: Sequence[SlideFile]) -> None:
        """Look for rows that match no slide while slides have no row."""
        known = {name for slide in slides for name in _names(slide)}
        unused = [name for name in self.rows if name not in known]
        lacking = [slide.id for slide in slides if not {*_names(slide)} & {*self.rows}]
        if not unused or not lacking:
            return
        message = (
            f'--mpp {table}: the rows {shorten(unused, 3)} name none of the slides, '
            f'and the slides {shorten(lacking, 3)} have no row.'
        )
        if len(lacking) == len(slides):
            raise ValueError(f'{message} Write the names of their files.')
        warnings.warn(f'{message} Their files have to say the scale.', stacklevel=3)


def _names(slide: SlideFile) -> tuple[str, ...]:
    """Return how a table may call a slide."""
    names = (slide.path.name, slide.path.stem, slide.id)
    return tuple(map(plain_cell, names))


def _read(path: Path) -> dict[str, float]:
    if not path.is_file():
        raise FileNotFoundError(
            f'--mpp {path}: neither a number nor a table with the columns slide,mpp.'
        )
    rows: dict[str, float] = {}
    table = read_csv_table(path)
    slide, mpp = (find_column(table.columns, [n], path) for n in ('slide', 'mpp'))
    if slide is None or mpp is None:
        raise ValueError(f'{path}:1: the columns slide and mpp are needed.')
    for line, row in table.rows:
        where, name = f'{path}:{line}', re.split(r'[/\\]', row[slide])[-1]
        if not name or name in rows:
            raise ValueError(f'{where}: slide {name[:60]!r} is empty or listed twice.')
        try:
            rows[name] = check_mpp(float(row[mpp]), where)
        except ValueError as error:
            raise ValueError(
                f'{where}: mpp {row[mpp][:60]!r}: write microns per pixel, such as '
                '0.25.'
            ) from error
    return rows
