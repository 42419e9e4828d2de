"""Tables of text with named columns, as users and other programs write them."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

from .csv_rows import read_rows


class CsvTable(NamedTuple):
    """A table: its columns, and its rows with the line on which each begins."""

    columns: list[str]
    rows: list[tuple[int, dict[str, str]]]


def read_csv_table(path: Path) -> CsvTable:
    """Read a CSV; what cannot be seen in cells does not count, nor do empty lines.

    A row may lack cells at its end; they are ''.

    Args:
        path: file in UTF-8 that exists.

    Raises:
        ValueError: it is not a CSV, names a column twice, or a row is longer than the
            first; the message says where.
    """
    columns: list[str] = []
    rows = []
    for line, cells in read_rows(path):
        where = f'{path}:{line}'
        if not columns:
            columns = _columns(cells, where)
        elif any(cells):
            rows.append((line, _row(columns, cells, where)))
    return CsvTable(columns, rows)


def _columns(cells: list[str], where: str) -> list[str]:
    numbers = Counter(cell for cell in cells if cell)
    twice = next((name for name, n in numbers.items() if n > 1), None)
    if twice is not None:
        raise ValueError(f'{where}: the column {twice[:60]!r} is there twice.')
    return cells


def _row(columns: list[str], cells: list[str], where: str) -> dict[str, str]:
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        raise ValueError(
            f'{where}: {len(cells)} columns where the first line has {len(columns)}. '
            'Put text that contains a comma into double quotes.'
        )
    missing = [''] * (len(columns) - len(cells))
    return dict(zip(columns, [*cells, *missing]))
