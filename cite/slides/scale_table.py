"""Microns per pixel that a user gives: one number, or a table by slide."""

from pathlib import Path
from typing import Optional

from cite.core.files.csv_table import read_csv_table

from .find_slides import SlideFile
from .scale import check_mpp


class ScaleTable:
    """What ``--mpp`` says about each slide.

    Args:
        option: a number, the path of a CSV with the columns ``slide`` and ``mpp``, or
            None. ``slide`` is a file's name, with or without its ending, or its id.

    Raises:
        FileNotFoundError: there is no such table.
        ValueError: a number out of range, or a fault in the table; with its line.
    """

    def __init__(self, option: Optional[str]) -> None:
        self.number: Optional[float] = None
        self.rows: dict[str, float] = {}
        if option is None:
            return
        try:
            number = float(option)
        except ValueError:
            self.rows = _read(Path(option).expanduser())
        else:
            self.number = check_mpp(number, '--mpp')

    def __getitem__(self, slide: SlideFile) -> Optional[float]:
        """Return microns per pixel of a slide, or None if the file has to say."""
        names = (slide.path.name, slide.path.stem, slide.id)
        given = [self.rows[name] for name in names if name in self.rows]
        return given[0] if given else self.number


def _read(path: Path) -> dict[str, float]:
    if not path.is_file():
        raise FileNotFoundError(
            f'--mpp {path}: neither a number nor a table with the columns slide,mpp.'
        )
    rows: dict[str, float] = {}
    table = read_csv_table(path)
    if not {'slide', 'mpp'} <= {*table.columns}:
        raise ValueError(f'{path}:1: the columns slide and mpp are needed.')
    for line, row in table.rows:
        where, name = f'{path}:{line}', row['slide']
        if not name or name in rows:
            raise ValueError(f'{where}: slide {name[:60]!r} is empty or listed twice.')
        try:
            rows[name] = check_mpp(float(row['mpp']), where)
        except ValueError as error:
            raise ValueError(
                f'{where}: mpp {row["mpp"][:60]!r}: write microns per pixel, such as '
                '0.25.'
            ) from error
    return rows
