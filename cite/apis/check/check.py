"""Look at everything that a config names before a run spends hours on it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import mmcv

from cite.apis.config_file import find_config
from cite.datasets import PatchGastricCls3
from cite.datasets.storage.features import FeatureDraws

from . import annotations
from .annotations import Part
from .environment import check_environment
from .images import check_images
from .report import Report
from .texts import check_texts_and_encoder
from .weights import check_weights

_PARTS = ('train', 'val', 'test')


@dataclass(frozen=True)
class Options:
    """How to check.

    Args:
        workers: processes that decode; by default one per core.
        decode: decode images, rather than see that they are there.
        sample: decode so many images alone.
        captions: the table of slides; by default the one beside the data.
        patient: its column with the patient; by default ``patient`` if there is one.
        cfg_options: replaces entries of the config, ``{'data.train.ann_file': …}``.
    """

    workers: Optional[int] = None
    decode: bool = True
    sample: Optional[int] = None
    captions: Optional[str] = None
    patient: Optional[str] = None
    cfg_options: Optional[Mapping[str, Any]] = None


def check_config(path: str, options: Options = Options()) -> Report:
    """Check a config: environment, weights, texts, annotation files and images.

    Environment variables that the config reads (``SHOTS``, ``SPLIT``) count.

    Args:
        path: the config file.
        options: how to check.

    Raises:
        FileNotFoundError: there is no such config.
        ValueError: it cannot be read.
    """
    find_config(path)
    try:
        cfg = mmcv.Config.fromfile(path)
        cfg.merge_from_dict(dict(options.cfg_options or {}))
    # A config is a Python program: anything may come of it.
    except Exception as error:
        raise ValueError(
            f'{path} is not a config that mmcv can read: {error}'
        ) from error
    report = Report(path)
    check_environment(report)
    check_weights(cfg, report)
    parts = list(_parts(cfg, report))
    classes = next((p.classes for p in parts if p.name == 'train'), None)
    check_texts_and_encoder(cfg.get('model') or {}, classes, report)
    _check_parts(parts, options, report)
    workers = os.cpu_count() or 1 if options.workers is None else options.workers
    check_images(parts, report, workers, options.decode, options.sample)
    return report


def _check_parts(parts: list[Part], options: Options, report: Report) -> None:
    seen: set[str] = set()
    for part in parts:
        # val and test are one file as a rule: once is enough.
        if part.ann_file not in seen:
            annotations.check_part(part, report)
        seen.add(part.ann_file)
    distinct = list({part.ann_file: part for part in reversed(parts)}.values())[::-1]
    # A file may be of both sides: each side by itself.
    training, testing = (
        {part.ann_file: part for part in parts if (part.name == 'train') is side}
        for side in (True, False)
    )
    for train in training.values():
        for other in testing.values():
            annotations.check_sides(train, other, report)
    table = Path(options.captions) if options.captions else None
    table = table or annotations.find_table(parts)
    annotations.check_patients(distinct, table, options.patient, report)


def _parts(cfg: Mapping[str, Any], report: Report) -> Iterator[Part]:
    read: dict[tuple[str, int], list] = {}
    for name in _PARTS:
        for data in _datasets((cfg.get('data') or {}).get(name)):
            where = f'data.{name}'
            if data.get('type') != PatchGastricCls3.__name__:
                report.facts[where] = f'{data.get("type")}: not looked at'
                continue
            try:
                classes = PatchGastricCls3.get_classes(data.get('classes'))
            except (ValueError, OSError) as error:
                report.error('classes', f'{where}.classes', str(error))
                continue
            if not data.get('ann_file'):
                report.error('annotation file missing', where, 'no ann_file is given.')
                continue
            file = os.path.expanduser(data['ann_file'])
            key = (file, len(classes))
            if key not in read:
                read[key] = annotations.read_part_lines(file, len(classes), report)
            prefix = os.path.expanduser(data.get('data_prefix') or '')
            features = data.get('feature_file')
            yield Part(name, file, prefix, classes, read[key], features is None)
            if features is not None:
                _check_features(where, data, len(read[key]), report)


def _datasets(data: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the data sets of an entry: itself, of a list, or inside a wrapper."""
    if isinstance(data, (list, tuple)):
        for item in data:
            yield from _datasets(item)
    elif isinstance(data, Mapping):
        inner = data.get('dataset', data.get('datasets'))
        yield from [data] if inner is None else _datasets(inner)


def _check_features(
    where: str, data: Mapping[str, Any], lines: int, report: Report
) -> None:
    try:
        FeatureDraws(data['feature_file'], data.get('num_aug'), lines)
    except (ValueError, FileNotFoundError) as error:
        report.error('features', f'{where}.feature_file', str(error))
