"""Which slide a patch belongs to: one rule, wherever slides are told apart."""

import posixpath
import re
import signal
import threading
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Optional

from cite.core.command_line import refuse_changed
from cite.core.files.csv_table import find_column, plain_cell, read_rows
from cite.core.files.elsewhere import looked_at
from cite.core.messages import meant

# How a table may call the column with a patch's file.
FILE_COLUMNS = ('patch', 'filename', 'file', 'image', 'path')
HOW = (
    "it is 'prefix' (the file's name up to the first \"_\"), 'folder' (a folder for "
    "each slide), a regular expression with one group, such as r'(.+)_\\d+_\\d+\\.', "
    "or 'column:NAME of TABLE.csv'"
)
SECONDS = 10  # for one patch; others take microseconds
_COLUMN = re.compile(r'column:(.+?) of (.+)')


class SlideRule:
    r"""Tell a patch's slide from its path relative to the folder of the patches.

    Args:
        text: the rule as a config has it, one of

            - ``'prefix'``: the file's name up to the first ``_``.
            - ``'folder'``: the patch's folder, relative to the folder of the patches,
              with ``/`` between nested ones, so that ``a/s1`` and ``b/s1`` are two
              slides.
            - a regular expression, matched from the start of the relative path; the
              slide is its only group, or the one named ``slide``.
            - ``'column:NAME of TABLE.csv'``: the column of a table whose column
              ``patch`` (or ``filename``, ``file``, ``image``, ``path``) has the paths.

    Raises:
        TypeError, ValueError: the text is none of these, or the table is faulty.
        FileNotFoundError: the table is missing.

    Example:
        >>> SlideRule('prefix')('sub/f77a619f_0b1c.jpg')
        'f77a619f'
        >>> SlideRule('folder')('tumor_001/3_7.jpg')
        'tumor_001'
        >>> SlideRule(r'(.+)_\d+_\d+\.')('patient_017_node_2_512_0.png')
        'patient_017_node_2'
    """

    def __init__(self, text: str = 'prefix') -> None:
        refuse_changed('slide', text)
        if not isinstance(text, str):
            raise TypeError(f'slide={text!r}: {HOW}.')
        self.text = text
        self._expression: Optional[re.Pattern[str]] = None
        self._group = 1
        self._slides: dict[str, str] = {}
        if text.startswith('column:'):
            self._slides = _read_table(text)
        elif text not in ('prefix', 'folder'):
            self._expression, self._group = _compiled(text)

    def __repr__(self) -> str:
        return f'slide={self.text!r}'

    def __call__(self, filename: str) -> str:
        """Return a patch's slide.

        Args:
            filename: path relative to the folder of the patches, ``/`` between folders.

        Raises:
            ValueError: the rule has no slide for it.
        """
        slide = self._find(filename)
        if not slide and self.text != 'prefix':  # '' for names that start with "_"
            raise ValueError(f'{self!r}: {self._missing(filename)}')
        # macOS writes accents apart from their letters, tables write both as one.
        return unicodedata.normalize('NFC', slide or '')

    def of_files(self, filenames: Iterable[str], where: str) -> list[str]:
        """Return the slides of an annotation file's patches, line by line.

        Args:
            filenames: their paths, in the file's order.
            where: the annotation file, for messages.

        Raises:
            ValueError: a patch has no slide; the message names the line.
        """
        slides = []
        for line, filename in enumerate(filenames, 1):
            try:
                slides.append(self(filename))
            except ValueError as error:
                raise ValueError(f'{where}:{line}: {error}') from error
        return slides

    @property
    def in_folders(self) -> bool:
        """Whether patches may lie in folders below the folder of the patches."""
        return self.text != 'prefix'

    def _find(self, filename: str) -> Optional[str]:
        if self.text == 'prefix':
            return filename.rpartition('/')[2].partition('_')[0]
        filename = posixpath.normpath(filename)  # ./a//b is a/b
        if self.text == 'folder':
            return posixpath.dirname(filename)
        if self._expression is not None:
            match = self._matched(filename)
            return match[self._group] if match else None
        slide = self._slides.get(filename)
        return slide or self._slides.get(plain_cell(filename))

    def _matched(self, filename: str) -> Optional['re.Match[str]']:
        """Match within a time: ``(a+)+$`` takes years for some names of 40 letters.

        The limit holds in the main thread of a program without an alarm of its own.
        """
        expression: Any = self._expression
        in_main = threading.current_thread() is threading.main_thread()
        if not in_main or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
            return expression.match(filename)

        def give_up(*_: object) -> None:
            raise ValueError(
                f'{self!r}: matching the patch {filename!r} takes more than {SECONDS} '
                'seconds. A repetition within a repetition, such as (a+)+, has '
                'countless ways to match: write it as one.'
            )

        signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        try:
            return expression.match(filename)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def _missing(self, filename: str) -> str:
        patch = f'the patch {filename!r}'
        if self.text == 'folder':
            return (
                f'{patch} does not lie in a folder of a slide. Move it into one, or '
                'choose another rule for slide.'
            )
        if self._expression is not None:
            return (
                f'{patch} does not match. The expression is matched from the start of '
                'the path; correct it, or rename or delete the patch.'
            )
        return f'the table does not have {patch}. Add it with its slide.'


def table_of(text: str) -> Optional[str]:
    """Return the path of the table that a rule reads, or None if it reads none.

    >>> table_of('column:case of data/patches.csv'), table_of('folder')
    ('data/patches.csv', None)
    """
    match = _COLUMN.fullmatch(text)
    return match[2] if match else None


def _compiled(text: str) -> tuple['re.Pattern[str]', int]:
    """Return a rule's regular expression and the number of its group."""
    try:
        expression = re.compile(text)
    except re.error as error:
        raise ValueError(
            f'slide={text!r} is not a regular expression ({error}); {HOW}.'
        ) from error
    if expression.groups == 0:
        hint = meant(text, ('prefix', 'folder', 'column:'))[1:]
        raise ValueError(f'slide={text!r}: {HOW}.{hint}')
    group = expression.groupindex.get('slide', 1)
    if expression.groups > 1 and 'slide' not in expression.groupindex:
        raise ValueError(
            f'slide={text!r} has {expression.groups} groups; name the one with the '
            'slide (?P<slide>…), or write the others as (?:…).'
        )
    return expression, group


def _read_table(text: str) -> dict[str, str]:
    """Return the slide of each patch of a rule's table."""
    match = _COLUMN.fullmatch(text)
    if match is None:
        raise ValueError(
            f"slide={text!r}: write 'column:NAME of TABLE.csv'. --cfg-options deletes "
            'blanks: write it into the config.'
        )
    column, path = match[1].strip(), Path(match[2].strip()).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'slide={text!r}: no such table.{looked_at(path)}')
    rows = read_rows(path)
    line, header = next(rows, (1, []))
    patch, slide = _columns(header, column, f'{path}:{line}')
    slides: dict[str, str] = {}
    for line, row in rows:
        where = f'{path}:{line}'
        if len(row) != len(header) or not row[patch] or not row[slide]:
            raise ValueError(
                f'{where}: {header[patch]} or {column} is missing in this row. Fill it '
                'in, and put text with a comma into double quotes.'
            )
        name = posixpath.normpath(row[patch])
        if slides.setdefault(name, row[slide]) != row[slide]:
            raise ValueError(
                f'{where}: the patch {name!r} has the slide {slides[name]!r} in a row '
                f'above, {row[slide]!r} here. Correct one.'
            )
    return slides


def _columns(header: list[str], column: str, where: str) -> tuple[int, int]:
    """Return the places of the columns with the patches and with the slides."""
    named = (
        column if header.count(column) == 1 else find_column(header, [column], where)
    )
    if named is None:
        raise ValueError(
            f'{where}: the column {column!r} is missing; the columns are {header}.'
        )
    files = [
        place
        for place, name in enumerate(header)
        if name.casefold() in FILE_COLUMNS and name != named
    ]
    if len(files) != 1:
        raise ValueError(
            f'{where}: one column with the paths of the patches is needed, called one '
            f'of {list(FILE_COLUMNS)}; the columns are {header}.'
        )
    return files[0], header.index(named)


PREFIX = SlideRule('prefix')  # the default
