"""The one reader of tables: rows, named columns, and cells that are the same."""

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from .text_file import read_utf8

# Not seen in cells that were copied from web pages and documents: a byte order mark, a
# zero-width space, a word joiner, a soft hyphen, and marks of the writing direction.
_UNSEEN = dict.fromkeys(map(ord, '\ufeff\u200b\u2060\xad\u200e\u200f'))

_JOINT = re.compile(r'[ _.-]')
# Commas between cells; in prose a blank follows.
_COMMA = re.compile(r',(?! )')


class CsvTable(NamedTuple):
    """A table: its columns, and its rows with the line on which each begins."""

    columns: list[str]
    rows: list[tuple[int, dict[str, str]]]


def read_csv_table(path: Path) -> CsvTable:
    """Read a CSV whose first row names the columns; empty lines do not count.

    A row may lack cells at its end; they are ''.

    Args:
        path: file in UTF-8 that exists.

    Raises:
        ValueError: it is not a CSV, names a column twice, or a row is longer than the
            first; the message says where.
    """
    lines = read_rows(path)
    line, columns = next(lines, (1, []))
    if len(columns) == 1 and ';' in columns[0]:
        raise ValueError(
            f'{path}:{line}: {columns[0][:60]!r} is one column. Separate cells by '
            'commas, not semicolons, and write numbers with a decimal point.'
        )
    numbers = Counter(cell for cell in columns if cell)
    twice = next((name for name, n in numbers.items() if n > 1), None)
    if twice is not None:
        raise ValueError(f'{path}:{line}: the column {twice[:60]!r} is there twice.')
    rows = [
        (line, _row(columns, cells, f'{path}:{line}'))
        for line, cells in lines
        if any(cells)
    ]
    return CsvTable(columns, rows)


def _row(columns: list[str], cells: list[str], where: str) -> dict[str, str]:
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        raise ValueError(
            f'{where}: {len(cells)} columns where the first line has {len(columns)}. '
            'Put text that contains a comma into double quotes.'
        )
    missing = [''] * (len(columns) - len(cells))
    return dict(zip(columns, [*cells, *missing]))


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line it begins on; quoted text may span lines.

    The header is the first. Lines may end in LF, CR LF or CR.
    """
    text = read_utf8(path)
    if '\0' in text:
        line = text.count('\n', 0, text.index('\0')) + 1
        raise ValueError(
            f'{path}:{line}: a NUL byte, as in UTF-16 text. Save the table as CSV in '
            'UTF-8.'
        )
    # Strict: otherwise a stray quote would silently swallow the rows after it.
    lines, width = list(io.StringIO(text, newline='')), 0
    reader = csv.reader(lines, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise ValueError(
                f'{path}:{line}: not a row of a CSV table: {error}. Look for a quote '
                'that is not closed.'
            ) from error
        cells = [plain_cell(cell) for cell in row]
        if cells not in ([], ['']):
            width = width or len(cells)
            _check_quotes(lines[line - 1 : reader.line_num], width, f'{path}:{line}')
            yield line, cells


def _check_quotes(lines: Sequence[str], width: int, where: str) -> None:
    """Refuse a quote that closes so late that it swallowed rows.

    Args:
        lines: those of one row.
        width: number of columns.
        where: file and line, for the message.
    """
    commas = [len(_COMMA.findall(line)) for line in lines]
    if len(lines) > 1 and min(commas) >= width - 1 > 0:
        raise ValueError(
            f'{where}: a quote that opens in this row closes {len(lines) - 1} lines '
            'further down, and those lines look like rows. Close it in its row; if all '
            'of it is one text, put a blank behind its commas.'
        )


def find_column(
    columns: Sequence[str], names: Sequence[str], where: object
) -> Optional[str]:
    """Return the first of these columns that a table has, None if it has none.

    Capital letters, blanks, ``_``, ``-`` and ``.`` do not count.

    >>> find_column(['Patient ID', 'Slide-ID'], ['patient_id'], 'a.csv')
    'Patient ID'

    Args:
        columns: those of the table.
        names: what it may be called; the first counts.
        where: file, for the message.

    Raises:
        ValueError: two columns are called so.
    """
    for name in map(_plain_name, names):
        named = [column for column in columns if _plain_name(column) == name]
        if len(named) > 1:
            raise ValueError(
                f'{where}: more than one column is called so: {", ".join(named)}. '
                'Delete or rename all but one.'
            )
        if named:
            return named[0]
    return None


def _plain_name(column: str) -> str:
    return _JOINT.sub('', column.casefold())


def plain_cell(cell: str) -> str:
    """Return a cell without what cannot be seen, as it is compared with others.

    Blanks at the edges go, blanks within become one space each (a non-breaking blank
    is a blank), and letters with accents are written in one way (NFC).

    >>> plain_cell(' Benign\\xa0 glands ')
    'Benign glands'
    """
    if cell.isascii() and cell.isprintable() and ' ' not in cell:
        return cell  # most cells of tables with many numbers
    return unicodedata.normalize('NFC', ' '.join(cell.translate(_UNSEEN).split()))


def look_alikes(cells: Iterable[str]) -> list[list[str]]:
    """Return the groups of different cells that are probably meant to be the same.

    They differ in capital letters alone, or are the same number: a spreadsheet writes
    ``001`` as ``1``, and pandas writes a column of numbers with a gap as ``1.0``.

    >>> look_alikes(['P1', 'p1', '001', '1.0', 'P2'])
    [['P1', 'p1'], ['001', '1.0']]
    """
    groups: dict[str, dict[str, None]] = defaultdict(dict)
    for cell in cells:
        groups[meant(cell)][cell] = None
    return [[*group] for group in groups.values() if len(group) > 1]


def meant(cell: str) -> str:
    """Return what is the same for cells that look alike.

    >>> meant('Tumor'), meant('007'), meant('7.0'), meant('7e1')
    ('tumor', '7', '7', '7e1')
    """
    whole, _, decimals = cell.partition('.')
    if whole.isdecimal() and not decimals.strip('0'):
        return whole.lstrip('0') or '0'
    return cell.casefold()
