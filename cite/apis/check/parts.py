"""The data sets of a config, and the lines of their annotation files."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from cite.apis.class_order import inner_datasets
from cite.core.files.text_file import read_utf8
from cite.datasets import PatchGastricCls3
from cite.datasets.storage.features import FeatureDraws
from cite.datasets.tables.annotations import Annotation, parse_line, read_annotations
from cite.datasets.tables.slide_rule import PREFIX, SlideRule

from .report import Report


class Part(NamedTuple):
    """One data set of a config."""

    name: str  # train, val or test
    ann_file: str
    prefix: str  # folder of images
    classes: Sequence[str]  # their names
    lines: list[tuple[int, Annotation]]  # valid lines with their numbers
    images: bool = True  # images are read, rather than features
    rule: SlideRule = PREFIX  # which slide a patch belongs to

    @property
    def slides(self) -> dict[str, int]:
        """The slides, each with its first line."""
        first: dict[str, int] = {}
        for line, (filename, _) in self.lines:
            first.setdefault(self.rule(filename), line)
        return first


def read_parts(cfg: Mapping[str, Any], report: Report) -> Iterator[Part]:
    """Yield the data sets of a config that are ours, and report their faults."""
    read: dict[tuple[str, int, str], list] = {}
    for name in ('train', 'val', 'test'):
        for data in inner_datasets((cfg.get('data') or {}).get(name)):
            where = f'data.{name}'
            if data.get('type') != PatchGastricCls3.__name__:
                report.facts[where] = f'{data.get("type")}: not checked'
                continue
            kind = 'classes'
            try:
                classes = PatchGastricCls3.get_classes(data.get('classes'))
                kind = 'slide'
                rule = SlideRule(data.get('slide', 'prefix'))
            except (ValueError, TypeError, OSError) as error:
                report.error(kind, f'{where}.{kind}', str(error))
                continue
            if not data.get('ann_file'):
                report.error('annotation file missing', where, 'ann_file is not set.')
                continue
            file = os.path.expanduser(data['ann_file'])
            key = (file, len(classes), rule.text)
            if key not in read:
                read[key] = read_part_lines(file, len(classes), report, rule)
            prefix = os.path.expanduser(data.get('data_prefix') or '')
            features = data.get('feature_file')
            yield Part(name, file, prefix, classes, read[key], features is None, rule)
            if features is not None:
                with report.errors('features', f'{where}.feature_file'):
                    FeatureDraws(features, data.get('num_aug'), len(read[key]))


def read_part_lines(
    ann_file: str, num_classes: int, report: Report, rule: SlideRule = PREFIX
) -> list[tuple[int, Annotation]]:
    """Return a file's valid lines with their numbers; each faulty one is an error."""
    valid = []
    for number, annotation in _parsed_lines(ann_file, num_classes, report):
        try:
            rule(annotation.filename)
            valid.append((number, annotation))
        except ValueError as error:
            report.error('patch without slide', f'{ann_file}:{number}', str(error))
    return valid


def _parsed_lines(
    ann_file: str, num_classes: int, report: Report
) -> list[tuple[int, Annotation]]:
    try:
        return list(enumerate(read_annotations(ann_file, num_classes), 1))
    except FileNotFoundError as error:
        message = without_place(ann_file, error)
        report.error('annotation file missing', ann_file, message)
        return []
    except ValueError as error:
        file_error = error
    valid = []
    errors_before = len(report.problems)
    text = ''
    with suppress(ValueError):  # not UTF-8
        text = read_utf8(Path(ann_file)).rstrip()
    lines = text.split('\n') if text else []
    for number, line in enumerate(lines, 1):
        try:
            valid.append((number, parse_line(line, '', num_classes)))
        except ValueError as error:
            where = f'{ann_file}:{number}'
            report.error('annotation line', where, without_place('', error))
    if len(report.problems) == errors_before:  # a fault of the file as a whole
        where, _, message = str(file_error).partition(': ')
        report.error('annotation file', where, message)
    return valid


def without_place(place: str, error: BaseException) -> str:
    """Return an error's text without the place with which it begins."""
    text = str(error)
    return text[len(place) :].lstrip(': ') if text.startswith(place) else text
