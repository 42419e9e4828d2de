"""Cells of tables: when two of them are the same."""

import unicodedata

# Not seen in cells that were copied from web pages and documents: a byte order mark, a
# zero-width space, a word joiner, a soft hyphen, and marks of the writing direction.
_UNSEEN = dict.fromkeys(map(ord, '\ufeff\u200b\u2060\xad\u200e\u200f'))


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
