import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cite.apis.check import annotations
from cite.apis.check.parts import Part, read_part_lines
from cite.apis.check.report import Report
from cite.datasets.tables.slide_rule import SlideRule

from .config import Comparison


def check_leakage(
    comparison: Comparison, test_file: str, files: Iterable[str], config: str
) -> None:
    """Check that no slide and no patient is both trained on and tested on.

    Args:
        comparison: what is compared.
        test_file: the file of the test slides.
        files: the files of the slides that are trained on before this test.
        config: path of the config, for the message.

    Raises:
        ValueError: a slide or a patient is on both sides, the table that has patients
            lacks a slide, a class has no training slide, or a file has faulty lines;
            the message lists all of them.
    """
    report = Report(config)
    test = _part(comparison, 'test', test_file, report)
    annotations.check_part(test, report)
    parts = [test]
    for file in sorted({*files}):
        train = _part(comparison, 'train', file, report)
        annotations.check_part(train, report)
        annotations.check_sides(train, test, report)
        parts.append(train)
    captions = comparison.captions
    table = annotations.find_table(parts) if captions is None else Path(captions)
    annotations.check_patients(parts, table, comparison.patient, report)
    for problem in report.problems:
        # Few training slides of a class are what shots ask for.
        odd_test = problem.kind == 'slides' and problem.where == test.ann_file
        if problem.kind == annotations.SAME_IDS or odd_test:
            warnings.warn(f'{config}: {problem.message}', stacklevel=2)
    errors: list[Any] = [
        problem
        for problem in report.problems
        # A slide whose patient is unknown may be on both sides.
        if problem.level == 'error'
        or (comparison.patients and problem.kind == 'slide not in the table')
    ]
    if errors:
        listed = '\n'.join(f'  {p.where}: {p.message}' for p in errors[:20])
        more = f'\n  … and {len(errors) - 20} more' if len(errors) > 20 else ''
        raise ValueError(
            f'{config}: nothing is trained, because training and test slides overlap '
            f'or the files are faulty:\n{listed}{more}'
        )


def _part(comparison: Comparison, name: str, file: str, report: Report) -> Part:
    classes, rule = comparison.classes, SlideRule(comparison.slide)
    lines = read_part_lines(file, len(classes), report, rule)
    return Part(name, file, comparison.data_prefix, classes, lines, rule=rule)
