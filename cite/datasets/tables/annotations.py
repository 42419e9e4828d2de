"""Annotation files: a line ``filename label`` for each patch, and nothing else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, Optional, Union

from cite.core.files.elsewhere import looked_at
from cite.core.files.text_file import read_utf8
from cite.core.files.write_whole import flush, write_whole
from cite.core.messages import shorten

from .slide_rule import HOW, PREFIX, SlideRule

_INTEGER = re.compile(r'-?[0-9]+')
_DRIVE = re.compile(r'[A-Za-z]:')


class Annotation(NamedTuple):
    """One line: a file name relative to the image folder, and its class number."""

    filename: str
    label: int


class LabelConflict(NamedTuple):
    """A line that gives a slide another label than the slide's first line does."""

    slide: str
    line: int
    label: int
    first_line: int
    first_label: int


def read_annotations(path: Union[str, Path], num_classes: int) -> list[Annotation]:
    """Read an annotation file.

    The last newline may be missing, lines may end in CR LF or CR, and blank lines may
    follow the last entry. A repeated line is returned twice.

    Args:
        path: annotation file, UTF-8.
        num_classes: number of classes; labels run from 0 to ``num_classes - 1``.

    Returns:
        The entries in the file's order, at least one.

    Raises:
        FileNotFoundError: the file is missing; the message lists the existing ones.
        ValueError: a line is not ``filename label``; the message states which and why.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(_missing(path))
    text = read_utf8(path)
    # Not str.splitlines, which also splits at characters that file names may contain.
    lines = text.rstrip().split('\n' if '\n' in text else '\r')
    if lines == ['']:
        raise ValueError(
            f'{path}:1: the file is empty. Write one line "filename label" for each '
            'patch, or make the file with `cite ann`.'
        )
    return [
        parse_line(line, f'{path}:{n}', num_classes) for n, line in enumerate(lines, 1)
    ]


def write_annotations(files: Mapping[Path, Iterable[Annotation]]) -> None:
    """Write annotation files, sorted: all of them, or none if one cannot be written.

    Args:
        files: entries of each file. Folders are made; existing files are replaced.

    Raises:
        ValueError: one of the paths is a folder.
        OSError: a file cannot be written, as on a full disk.
    """
    with ExitStack() as renamed_at_the_end:
        for path, annotations in files.items():
            if path.is_dir():
                raise ValueError(
                    f'{path}: this is a folder, but a file is to be written here. '
                    'Move it, or choose another --out.'
                )
            partial = renamed_at_the_end.enter_context(write_whole(path))
            with partial.open('w', encoding='utf-8', newline='\n') as file:
                entries = sorted(annotations)
                file.writelines(f'{name} {label}\n' for name, label in entries)
            flush(partial)  # a full disk must show before the first file is renamed


def label_conflicts(
    lines: Iterable[tuple[int, Annotation]], rule: SlideRule = PREFIX
) -> Iterator[LabelConflict]:
    """Yield each line whose label differs from that of its slide's first line.

    Args:
        lines: annotations with their line numbers, in the file's order.
        rule: which slide a patch belongs to.
    """
    first: dict[str, tuple[int, int]] = {}
    for line, (filename, label) in lines:
        slide = rule(filename)
        first_label, first_line = first.setdefault(slide, (label, line))
        if label != first_label:
            yield LabelConflict(slide, line, label, first_line, first_label)


def check_slide_labels(
    annotations: Iterable[Annotation], ann_file: str, rule: SlideRule = PREFIX
) -> None:
    """Check that all patches of a slide, as a rule tells them apart, have one label.

    Raises:
        ValueError: a slide has two labels; the message names it and two lines.
    """
    for conflict in label_conflicts(enumerate(annotations, 1), rule):
        raise ValueError(
            f'{ann_file}: slide {conflict.slide!r} has label {conflict.first_label} in '
            f'line {conflict.first_line} and label {conflict.label} in line '
            f'{conflict.line}. A slide ({rule!r}) has one class: correct the labels, '
            f'or the rule: {HOW}.'
        )


def filename_fault(filename: str) -> Optional[str]:
    """Return why a file name cannot be in an annotation file, or None if it can."""
    if '\0' in filename:
        return 'contains a NUL byte'
    if any(character.isspace() for character in filename):
        return 'contains a space, which the format "filename label" cannot express'
    if '\\' in filename:
        return 'contains a backslash; folders are separated by "/"'
    parts = filename.split('/')
    if filename.startswith('/') or _DRIVE.match(filename) or '..' in parts:
        return 'leaves the image folder; it must be relative and free of ".."'
    if parts[-1] in ('', '.'):
        return 'does not name a file'
    if any('\ud800' <= character <= '\udfff' for character in filename):
        return 'is not UTF-8'
    return None


def parse_line(line: str, where: str, num_classes: int) -> Annotation:
    """Read one line of an annotation file.

    Args:
        line: text without its newline; a carriage return may remain.
        where: file and line, for messages.
        num_classes: number of classes; labels run from 0 to ``num_classes - 1``.

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
    message = (
        f'{path}: no such annotation file.{looked_at(path)} Make it with `cite ann`'
    )
    if not folder.is_dir():
        return f'{message} (the folder {folder} does not exist either).'
    names = sorted(entry.name for entry in folder.iterdir() if entry.suffix == '.txt')
    if not names:
        return f'{message} (the folder {folder} contains no .txt file).'
    return f'{message}, or use one that is in {folder}: {shorten(names, 20)}.'
