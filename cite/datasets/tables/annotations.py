"""Annotation files: a line ``filename label`` for each patch, and nothing else."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Optional, Union

from cite.core.files.text_file import read_utf8
from cite.core.messages import shorten

_INTEGER = re.compile(r'-?[0-9]+')
_DRIVE = re.compile(r'[A-Za-z]:')


class Annotation(NamedTuple):
    """One line: a file name relative to the image folder, and its class number."""

    filename: str
    label: int


def bag_of(filename: str) -> str:
    """Return the slide of a patch: its name's part before the first ``_``.

    >>> bag_of('f77a619f_0b1c.jpg')
    'f77a619f'
    """
    return filename.rpartition('/')[2].partition('_')[0]


def read_annotations(path: Union[str, Path], num_classes: int) -> list[Annotation]:
    """Read an annotation file.

    The last newline may be missing, lines may end in CR LF, and blank lines may follow
    the last entry. A line that stands twice is returned twice.

    Args:
        path: the file, UTF-8.
        num_classes: labels run from 0 to ``num_classes - 1``.

    Returns:
        The entries in the file's order, at least one.

    Raises:
        FileNotFoundError: there is no such file; the message lists those there are.
        ValueError: a line is not ``filename label``; the message says which and why.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(_missing(path))
    text = read_utf8(path)
    # Not str.splitlines: it also cuts at characters that may stand in a file name.
    lines = text.rstrip().split('\n')
    if lines == ['']:
        raise ValueError(
            f'{path}:1: the file is empty. Write one line "filename label" for each '
            'patch, or make the file with tools/ann.py.'
        )
    return [
        parse_line(line, f'{path}:{n}', num_classes) for n, line in enumerate(lines, 1)
    ]


def write_annotations(files: Mapping[Path, Iterable[Annotation]]) -> None:
    """Write annotation files, sorted: all of them, or none if one cannot be written.

    Args:
        files: what goes into each file. Folders are made; files there are replaced.

    Raises:
        ValueError: a folder has the name of one of the files.
        OSError: a file cannot be written, as on a full disk.
    """
    staged: dict[Path, Path] = {}
    try:
        for path, annotations in files.items():
            if path.is_dir():
                raise ValueError(f'{path}: a folder is where this file belongs.')
            path.parent.mkdir(parents=True, exist_ok=True)
            staged[path] = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
            with staged[path].open('w', encoding='utf-8', newline='\n') as file:
                entries = sorted(annotations)
                file.writelines(f'{name} {label}\n' for name, label in entries)
                file.flush()
                os.fsync(file.fileno())
        for path, temporary in staged.items():
            temporary.replace(path)
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def filename_fault(filename: str) -> Optional[str]:
    """Say what keeps a file name out of an annotation file, or None if nothing does."""
    if '\0' in filename:
        return 'holds a NUL byte'
    if any(character.isspace() for character in filename):
        return 'holds a space, which the format "filename label" cannot express'
    if '\\' in filename:
        return 'holds a backslash; folders are separated by "/"'
    parts = filename.split('/')
    if filename.startswith('/') or _DRIVE.match(filename) or '..' in parts:
        return 'leaves the image folder; it must be relative and free of ".."'
    if parts[-1] in ('', '.'):
        return 'names no file'
    if any('\ud800' <= character <= '\udfff' for character in filename):
        return 'is not UTF-8'
    return None


def parse_line(line: str, where: str, num_classes: int) -> Annotation:
    """Read one line; see :func:`read_annotations`.

    Args:
        line: without its newline; a carriage return may be left.
        where: file and line, for messages.
        num_classes: labels run from 0 to ``num_classes - 1``.

    Raises:
        ValueError: the line is not ``filename label``.
    """
    line = line[:-1] if line.endswith('\r') else line
    if not line.strip():
        raise ValueError(f'{where}: a blank line between entries. Delete it.')
    name, space, label = line.rpartition(' ')
    if not space:
        raise ValueError(
            f'{where}: no label in {line!r}. Write the file name, one space, and a '
            f'class number from 0 to {num_classes - 1}.'
        )
    fault = filename_fault(name)
    if fault:
        raise ValueError(
            f'{where}: the file name {name!r} {fault}. Rename the file, or correct the '
            'line to "filename label".'
        )
    if not _INTEGER.fullmatch(label):
        raise ValueError(
            f'{where}: the label {label!r} is not a whole number. Write a class number '
            f'from 0 to {num_classes - 1} after the file name.'
        )
    # A number of this many digits is out of range, and int() may refuse it.
    if len(label) > 9 or not 0 <= int(label) < num_classes:
        raise ValueError(
            f'{where}: the label {label[:20]} is out of range: {num_classes} classes '
            f'have labels 0 to {num_classes - 1}. Correct the line, or give the data '
            'set all its classes.'
        )
    return Annotation(name, int(label))


def _missing(path: Path) -> str:
    folder = path.parent
    message = f'{path}: no such annotation file. Make it with `python tools/ann.py`'
    if not folder.is_dir():
        return f'{message} (the folder {folder} is not there either).'
    names = sorted(entry.name for entry in folder.iterdir() if entry.suffix == '.txt')
    if not names:
        return f'{message} (the folder {folder} holds no .txt file).'
    return f'{message}, or use one that is in {folder}: {shorten(names, 20)}.'
