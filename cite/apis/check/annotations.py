"""Annotation files, line by line, and what they say of slides, classes and patients."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from cite.core.files.text_file import read_utf8
from cite.core.messages import shorten
from cite.datasets.tables.annotations import (
    Annotation,
    bag_of,
    parse_line,
    read_annotations,
)
from cite.datasets.tables.slide_table import patient_column, read_captions

from .report import Report


class Part(NamedTuple):
    """One data set of a config.

    Args:
        name: ``train``, ``val`` or ``test``.
        ann_file: its annotation file.
        prefix: the folder of images.
        classes: the class names.
        lines: the good lines with their numbers.
        images: whether images are read, rather than features.
    """

    name: str
    ann_file: str
    prefix: str
    classes: Sequence[str]
    lines: list[tuple[int, Annotation]]
    images: bool = True

    @property
    def slides(self) -> dict[str, int]:
        """The slides, each with the first line of it."""
        found: dict[str, int] = {}
        for line, (filename, _) in self.lines:
            found.setdefault(bag_of(filename), line)
        return found


def read_part_lines(
    ann_file: str, num_classes: int, report: Report
) -> list[tuple[int, Annotation]]:
    """Read an annotation file; each faulty line is an error of its own."""
    try:
        return list(enumerate(read_annotations(ann_file, num_classes), 1))
    except FileNotFoundError as error:
        report.error('annotation file missing', ann_file, _after(ann_file, error))
        return []
    except ValueError as error:
        first = error
    good = []
    before = len(report.problems)
    try:
        text = read_utf8(Path(ann_file)).rstrip()
        lines = text.split('\n') if text else []
    except ValueError:
        lines = []
    for number, line in enumerate(lines, 1):
        try:
            good.append((number, parse_line(line, '', num_classes)))
        except ValueError as error:
            where = f'{ann_file}:{number}'
            report.error('annotation line', where, _after('', error))
    if len(report.problems) == before:  # a fault of the file as a whole
        where, _, words = str(first).partition(': ')
        report.error('annotation file', where, words)
    return good


def check_part(part: Part, report: Report) -> None:
    """Look for duplicate lines, slides with two labels, and classes without slides."""
    first: dict[str, tuple[int, int]] = {}
    label_of: dict[str, tuple[int, int]] = {}
    for line, (filename, label) in part.lines:
        known, at = first.setdefault(filename, (label, line))
        if at != line:
            report.error(
                'duplicate line',
                f'{part.ann_file}:{line}',
                f'{filename} stands in line {at} already, so it counts twice. Delete '
                'one of the two.',
            )
        bag = bag_of(filename)
        known, at = label_of.setdefault(bag, (label, line))
        if label != known:
            report.error(
                'slide with two labels',
                f'{part.ann_file}:{line}',
                f'slide {bag} has label {label} here and {known} in line {at}. Correct '
                'the labels.',
            )
    slides = Counter(label for label, _ in label_of.values())
    patches = Counter(label for _, (_, label) in part.lines)
    report.facts[part.name] = {
        'file': part.ann_file,
        **{
            f'class {c} ({name})': f'{slides[c]} slides {patches[c]} patches'
            for c, name in enumerate(part.classes)
        },
    }
    for c, name in enumerate(part.classes):
        if part.lines and not slides[c]:
            note = report.error if part.name == 'train' else report.warn
            note(
                'class without slides',
                part.ann_file,
                f'no slide of class {c} ({name}). Add some, or take the class out of '
                f'data.{part.name}.classes and the texts.',
            )


def check_sides(train: Part, other: Part, report: Report) -> None:
    """Look for slides in training as well as in evaluation."""
    lines = other.slides
    for slide, line in train.slides.items():
        if slide in lines:
            report.error(
                'slide on both sides',
                f'{train.ann_file}:{line}',
                f'slide {slide} is in {other.ann_file}:{lines[slide]} too: it is '
                'trained on and tested on. Make the files anew with tools/ann.py.',
            )


def find_table(parts: Sequence[Part]) -> Optional[Path]:
    """Find ``captions.csv`` beside the folder of annotations or of images."""
    for part in parts:
        for folder in (Path(part.ann_file).parent, Path(part.prefix or '.')):
            table = folder.absolute().parent / 'captions.csv'
            if table.is_file():
                return table
    return None


def check_patients(
    parts: Sequence[Part], table: Optional[Path], column: Optional[str], report: Report
) -> None:
    """Look for patients in training as well as in evaluation.

    Args:
        parts: the data sets.
        table: the table of slides, or None.
        column: the column with the patient; by default ``patient`` where it is there.
    """
    groups = _groups(table, column, report)
    if groups is None:
        return
    evaluated: dict[str, tuple[str, str]] = {}
    for part in parts:
        unknown = [slide for slide in part.slides if slide not in groups]
        if unknown:
            report.warn(
                'slide not in the table',
                part.ann_file,
                f'{len(unknown)} slides are not in {table} ({shorten(unknown)}), so '
                'their patient is unknown. Add them to the table.',
            )
        if part.name != 'train':
            for slide in part.slides:
                group = groups.get(slide)
                if group is not None:
                    evaluated.setdefault(group, (part.ann_file, slide))
    for part in parts:
        for slide, line in part.slides.items() if part.name == 'train' else ():
            other = evaluated.get(groups.get(slide, ''))
            if other and other[1] != slide:
                report.error(
                    'patient on both sides',
                    f'{part.ann_file}:{line}',
                    f'slide {slide} is of patient {groups[slide]}, whose slide '
                    f'{other[1]} is in {other[0]}. Split with tools/ann.py --group-by.',
                )


def _groups(
    table: Optional[Path], column: Optional[str], report: Report
) -> Optional[dict[str, str]]:
    """Return the patient of each slide, or None where they are not known."""
    if table is None:
        if column is not None:
            report.error('table', 'captions.csv', 'not found. Name it with --captions.')
        report.facts['patients'] = 'not checked: no captions.csv beside the data'
        return None
    try:
        column = patient_column(table, column)
        if column is None:
            report.facts['patients'] = (
                f'not checked: {table} has no column "patient" (--patient COLUMN)'
            )
            return None
        rows = read_captions(table, column)
    except (ValueError, FileNotFoundError) as error:
        report.error('table', str(table), _after(str(table), error))
        return None
    report.facts['patients'] = f'{len({row.group for row in rows})} in {table}'
    return {row.id: row.group for row in rows}


def _after(where: str, error: BaseException) -> str:
    """Return an error's words without the place that they begin with."""
    text = str(error)
    return text[len(where) :].lstrip(': ') if text.startswith(where) else text
