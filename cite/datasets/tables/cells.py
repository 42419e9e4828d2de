"""Cells of tables: when two of them are the same, and when they only look alike."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

# Unseen at the edges of cells that were copied from web pages and documents: a byte
# order mark, a zero-width space, a word joiner, and marks of the writing direction.
_UNSEEN = '\ufeff\u200b\u2060\u200e\u200f'


def plain_cell(cell: str) -> str:
    """Return a cell without what cannot be seen, as it is compared with others.

    Blanks at the edges go, blanks within become one space each (a non-breaking blank
    is a blank), and letters with accents are written in one way (NFC).

    >>> plain_cell(' Benign\\xa0 glands ')
    'Benign glands'
    """
    blanks = cell.translate(dict.fromkeys(map(ord, _UNSEEN), ' '))
    return unicodedata.normalize('NFC', ' '.join(blanks.split()))


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
