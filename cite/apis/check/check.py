"""Check everything that a config names before a run spends hours on it."""

import importlib
import os
import platform
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import mmcv
import torch

from cite.apis.class_order import check_class_order, classes_of_config, inner_datasets
from cite.apis.config_file import find_config
from cite.apis.config_keys import unknown_keys, unread_options
from cite.apis.slide_rules import check_slide_rules

from . import annotations
from .images import check_images
from .parts import Part, read_parts
from .report import Report
from .texts import check_texts_and_encoder
from .weights import check_weights

_MODULES = ('torch', 'torchvision', 'mmcv', 'mmcls', 'cite', 'timm', 'transformers')

# Our steps that make floats, unless their backend is 'fast'.
_OF_FLOATS = ('PatchGastricPipeline', 'CLIPPreprocess')


@dataclass(frozen=True)
class Options:
    """How to check."""

    workers: Optional[int] = None  # processes that decode; by default one per core
    decode: bool = True  # decode images, rather than only look for the files
    sample: Optional[int] = None  # images to decode, drawn at random; by default all
    captions: Optional[str] = None  # table of slides; by default beside the data
    patient: Optional[str] = None  # its column; by default `patient` if there is one
    cfg_options: Optional[Mapping[str, Any]] = None  # {'data.train.ann_file': …}


def check_config(path: str, options: Options = Options()) -> Report:
    """Check a config: environment, weights, texts, annotation files and images.

    Environment variables that the config reads (``SHOTS``, ``SPLIT``) count.

    Args:
        path: config file.
        options: how to check.

    Raises:
        FileNotFoundError: the config is missing.
        ValueError: it cannot be read.
    """
    find_config(path)
    try:
        cfg = mmcv.Config.fromfile(path)
        cfg.merge_from_dict(dict(options.cfg_options or {}))
    # A config is a Python program: it may raise any exception.
    except Exception as error:
        message = f'{path} is not a config that mmcv can read: {error}'
        raise ValueError(message) from error
    report = Report(path)
    check_environment(report)
    check_keys(cfg, report, options.cfg_options or ())
    check_shared_memory(cfg.get('data') or {}, report)
    check_weights(cfg, report)
    parts = list(read_parts(cfg, report))
    classes = next((p.classes for p in parts if p.name == 'train'), None)
    check_texts_and_encoder(cfg.get('model') or {}, classes, report)
    _check_class_order(cfg, report)
    with report.errors('slide', 'data'):
        check_slide_rules(cfg.get('data') or {})
    _check_parts(parts, options, report)
    workers = os.cpu_count() or 1 if options.workers is None else options.workers
    check_images(parts, report, workers, options.decode, options.sample)
    return report


def _check_class_order(cfg: Mapping[str, Any], report: Report) -> None:
    with suppress(ValueError, FileNotFoundError):  # files: reported where they are read
        first, *others = classes_of_config(cfg)
        for other in others:
            with report.errors('class order', other[0]):
                message = check_class_order(first, other)
                if message:
                    report.warn('class names', other[0], message)


def _check_parts(parts: list[Part], options: Options, report: Report) -> None:
    distinct: dict[str, Part] = {}  # val and test are usually one file
    for part in parts:
        distinct.setdefault(part.ann_file, part)
    for part in distinct.values():
        annotations.check_part(part, report)
    # A file may be used for training and for evaluation: it counts on both sides.
    training = {part.ann_file: part for part in parts if part.name == 'train'}
    testing = {part.ann_file: part for part in parts if part.name != 'train'}
    for train in training.values():
        for other in testing.values():
            annotations.check_sides(train, other, report)
    table = Path(options.captions) if options.captions else None
    table = table or annotations.find_table(parts)
    annotations.check_patients([*distinct.values()], table, options.patient, report)
    annotations.check_published(parts, table, report)


def check_keys(cfg: Any, report: Report, options: Iterable[str] = ()) -> None:
    """Look for keys that nothing reads, such as misspelt ones, and such options."""
    for key, message, certain in [*unknown_keys(cfg), *unread_options(cfg, options)]:
        note = report.error if certain else report.warn
        note('unknown key', key, f'{message} Correct or delete it.')


def check_shared_memory(data: Any, report: Report, folder: str = '/dev/shm') -> None:
    """Warn if workers' batches may not fit into a container's shared memory.

    Bytes of ``backend='fast'`` take another way; floats pass through /dev/shm, two
    batches a worker. The training's workers keep theirs while it is evaluated.
    """
    if not os.path.isdir(folder):
        return
    train, val, test = (_float_bytes(data, part) for part in ('train', 'val', 'test'))
    needed, total = max(train + val, test), shutil.disk_usage(folder).total
    if needed > total:
        report.warn(
            'shared memory',
            folder,
            f'{total >> 20} MB, and the workers may need {needed >> 20} MB: a run '
            "would die of a bus error. Write backend='fast' in PatchGastricPipeline, "
            'or start the container with --shm-size, or lower data.workers_per_gpu.',
        )


def _float_bytes(data: Any, part: str) -> int:
    """Return the bytes of floats that the workers of a data set may hold ready."""
    steps = [
        step
        for inner in inner_datasets(data.get(part))
        for step in inner.get('pipeline') or ()
        if step.get('type') in _OF_FLOATS and step.get('backend') != 'fast'
    ]
    sizes = [step.get('size', 224) for step in steps]
    pixels = max((224 if isinstance(x, str) else x for x in sizes), default=0) ** 2
    settings = {**data, **(data.get(f'{part}_dataloader') or {})}
    batches = 2 * settings.get('workers_per_gpu', 0)
    return batches * settings.get('samples_per_gpu', 1) * pixels * 12


def check_environment(report: Report) -> None:
    """Note versions and device; a module or device that does not work is an error."""
    versions = {'python': platform.python_version()}
    for name in (*_MODULES, 'numpy', 'PIL'):
        try:
            versions[name] = importlib.import_module(name).__version__
        except Exception as error:  # a broken installation may raise anything
            message = (
                f'cannot be imported ({error}). Run `pip install .`, then `cite '
                'install-mmcv` (docs/INSTALL.md).'
            )
            report.error('environment', name, message)
    report.facts['versions'] = versions
    report.facts['device'] = _device(report)


def _device(report: Report) -> str:
    if not torch.cuda.is_available():
        return 'CPU (torch sees no GPU)'
    name = torch.cuda.get_device_name()
    major, _ = torch.cuda.get_device_capability()
    built_for: list[Any] = torch.cuda.get_arch_list()
    # Code for sm_80 runs on all of the 8 series, PTX (compute_) on newer ones too.
    if not any(arch.startswith((f'sm_{major}', 'compute')) for arch in built_for):
        report.error(
            'environment',
            name,
            f'torch {torch.__version__} has no code for this GPU, only for '
            f'{", ".join(built_for)}. Use the modern stack: make env STACK=modern.',
        )
    return f'{torch.cuda.device_count()} x {name}'
