"""Tables of text with named columns, as other programs write them."""

import csv
import io
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from .text_file import read_utf8


class CsvTable(NamedTuple):
    """A table: its columns, and its rows with the line on which each ends."""

    columns: list[str]
    rows: list[tuple[int, dict[str, str]]]


def read_csv_table(path: Path) -> CsvTable:
    """Read a CSV; blanks at the edges of cells do not count, nor do empty lines.

    A row may lack cells at its end; they are ''.

    Args:
        path: file in UTF-8 that exists.

    Raises:
        ValueError: it is not a CSV, names a column twice, or a row is longer than the
            first; the message says where.
    """
    reader = csv.reader(io.StringIO(read_utf8(path), newline=''))
    columns: list[str] = []
    rows = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not columns:
                columns = _columns(cells, f'{path}:{reader.line_num}')
            elif any(cells):
                where = f'{path}:{reader.line_num}'
                rows.append((reader.line_num, _row(columns, cells, where)))
    except csv.Error as error:
        raise ValueError(f'{path}:{reader.line_num}: not a CSV: {error}.') from error
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
