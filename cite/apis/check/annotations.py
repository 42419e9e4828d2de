"""What annotation files state about slides, classes and patients."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Optional

from cite.core.messages import shorten
from cite.datasets.tables.annotations import label_conflicts
from cite.datasets.tables.class_file import PATCH_GASTRIC_CLASSES
from cite.datasets.tables.patches import list_patches
from cite.datasets.tables.published import compare_counts
from cite.datasets.tables.slide_counts import odd_slides, remedy, same_ids
from cite.datasets.tables.slide_rule import PREFIX, SlideRule
from cite.datasets.tables.slide_table import patient_column, read_captions

from .parts import Part, without_place
from .report import Report

SAME_IDS = 'ids that look alike'


def check_part(part: Part, report: Report) -> None:
    """Look for duplicate lines, slides with two labels, and classes without slides."""
    first: dict[str, int] = {}
    for line, (filename, _) in part.lines:
        # One file may be written in several ways: ./a//b is a/b.
        first_line = first.setdefault(posixpath.normpath(filename), line)
        if first_line != line:
            report.error(
                'duplicate line',
                f'{part.ann_file}:{line}',
                f'{filename} is in line {first_line} already, so it counts twice. '
                'Delete one of the two.',
            )
    for conflict in label_conflicts(part.lines, part.rule):
        report.error(
            'slide with two labels',
            f'{part.ann_file}:{conflict.line}',
            f'slide {conflict.slide} has label {conflict.label} here and '
            f'{conflict.first_label} in line {conflict.first_line}. Correct the '
            'labels.',
        )
    _count_classes(part, report)
    annotations = [annotation for _, annotation in part.lines]
    odd = odd_slides(annotations, part.rule) if annotations else None
    if odd:
        report.warn('slides', part.ann_file, f'{odd}. {remedy(annotations, part.rule)}')


def _count_classes(part: Part, report: Report) -> None:
    """Note the slides and patches of each class; a class without slides is a fault."""
    # In reverse, so that the first line of a slide counts.
    label_of = {part.rule(name): label for _, (name, label) in reversed(part.lines)}
    slides = Counter(label_of.values())
    patches = Counter(label for _, (_, label) in part.lines)
    facts = report.facts[part.name] = {'file': part.ann_file}
    for c, name in enumerate(part.classes):
        facts[f'class {c} ({name})'] = f'{slides[c]} slides {patches[c]} patches'
        if part.lines and not slides[c]:
            note = report.error if part.name == 'train' else report.warn
            note(
                'class without slides',
                part.ann_file,
                f'no slide of class {c} ({name}). Add some, or remove the class from '
                f'data.{part.name}.classes and the texts.',
            )


def check_sides(train: Part, other: Part, report: Report) -> None:
    """Look for slides that are in training and in evaluation."""
    lines = other.slides
    for slide, line in train.slides.items():
        if slide in lines:
            report.error(
                'slide on both sides',
                f'{train.ann_file}:{line}',
                f'slide {slide} is in {other.ann_file}:{lines[slide]} too, so it would '
                'be trained on and tested on. Make the files again with `cite ann`.',
            )


def check_ids(parts: Sequence[Part], patients: Iterable[str], report: Report) -> None:
    """Warn of slides and patients that differ in capital letters or zeros alone."""
    slides = {slide for part in parts for slide in part.slides}
    for thing, ids in (('slide', slides), ('patient', {*patients})):
        alike = same_ids(ids, thing)
        if alike:
            files = shorten(sorted({part.ann_file for part in parts}), 2)
            report.warn(SAME_IDS, files, alike)


def find_table(parts: Sequence[Part]) -> Optional[Path]:
    """Find ``captions.csv`` beside the folder of annotations or of images."""
    for part in parts:
        for folder in (Path(part.ann_file).parent, Path(part.prefix or '.')):
            table = folder.absolute().parent / 'captions.csv'
            if table.is_file():
                return table
    return None


def check_published(
    parts: Sequence[Part], table: Optional[Path], report: Report
) -> None:
    """Warn if PatchGastric's table or patches differ from the published counts."""
    parts = [part for part in parts if [*part.classes] == [*PATCH_GASTRIC_CLASSES]]
    if table is None or not parts:
        return
    rule = parts[0].rule
    try:
        slides = read_captions(table, rule=rule)
    except (ValueError, FileNotFoundError):
        return  # check_patients reports it
    warnings = set()
    for folder in {Path(part.prefix) for part in parts if part.images} or {Path()}:
        patches = None
        with suppress(ValueError, FileNotFoundError):  # reported for each image
            patches = list_patches(folder, rule).slides
        warnings.update(compare_counts(table, slides, folder, patches))
    for path, message in sorted(warnings):
        report.warn('published counts', str(path), message)


def check_patients(
    parts: Sequence[Part], table: Optional[Path], column: Optional[str], report: Report
) -> None:
    """Look for patients with slides in training and in evaluation.

    The table's column with the patient is ``patient`` by default, if there is one.
    """
    # What ids the table may have; of data with other names, all of them.
    rule = next((p.rule for p in parts if p.rule.text != 'prefix'), PREFIX)
    patient_of = _read_patients(table, column, report, rule)
    check_ids(parts, (patient_of or {}).values(), report)
    if patient_of is None:
        return
    evaluated: dict[str, tuple[str, str]] = {}
    for part in parts:
        unknown = [slide for slide in part.slides if slide not in patient_of]
        if unknown:
            report.warn(
                'slide not in the table',
                part.ann_file,
                f'{len(unknown)} slides are not in {table} ({shorten(unknown)}), so '
                'their patient is unknown. Add them to the table.',
            )
        for slide in part.slides if part.name != 'train' else ():
            if slide in patient_of:
                evaluated.setdefault(patient_of[slide], (part.ann_file, slide))
    for part in parts:
        for slide, line in part.slides.items() if part.name == 'train' else ():
            other = evaluated.get(patient_of.get(slide, ''))
            if other and other[1] != slide:
                report.error(
                    'patient on both sides',
                    f'{part.ann_file}:{line}',
                    f'slide {slide} belongs to patient {patient_of[slide]}, whose '
                    f'slide {other[1]} is in {other[0]}. Split with `cite ann '
                    '--group-by`.',
                )


def _read_patients(
    table: Optional[Path], column: Optional[str], report: Report, rule: SlideRule
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
            fact = f'not checked: {table} has no column "patient" (--patient COLUMN)'
            report.facts['patients'] = fact
            return None
        rows = read_captions(table, column, rule)
    except (ValueError, FileNotFoundError) as error:
        report.error('table', str(table), without_place(str(table), error))
        return None
    report.facts['patients'] = f'{len({row.group for row in rows})} in {table}'
    return {row.id: row.group for row in rows}
