"""Cells of tables that are not the same, but look alike."""

from collections import defaultdict
from collections.abc import Iterable


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
