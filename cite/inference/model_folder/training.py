"""What a model folder says about its training data: hashes and a summary, no names."""

import random
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import torch
from mmcls.datasets import build_dataset
from mmcv.parallel import collate
from torch.utils.data import DataLoader, Subset

from cite.core.files.csv_table import find_column, plain_cell, read_csv_table
from cite.core.files.elsewhere import looked_at
from cite.core.messages import count, shorten
from cite.datasets.tables.slide_rule import SlideRule
from cite.datasets.tables.slide_table import PATIENT_COLUMNS
from cite.models.class_token import class_token
from cite.models.classifiers.normalize import to_float
from cite.models.image_stats import settle_images
from cite.models.precision import autocast

from .exported_model import hashed
from .training_features import TrainingFeatures

_BATCH = 32
_INSIDE = ('dataset', 'datasets')


def describe_training(cfg: Any, table: Union[str, Path, None] = None) -> dict[str, Any]:
    """Hash the ids of the training slides, and their quickhashes and patients if known.

    Args:
        cfg: config of the run.
        table: CSV with a column of slide ids and one of patients (``slide_id``,
            ``patient``, …); quickhashes are read from ``slides.csv`` beside the data.
    """
    patches, slides = 0, set()
    quickhashes: dict[str, str] = {}
    for part in data_sets(cfg.data.train):
        ann_files = part.get('ann_file')
        rule = SlideRule(part.get('slide', 'prefix'))
        for ann_file in [ann_files] if isinstance(ann_files, str) else ann_files or []:
            names = _file_names(Path(ann_file).expanduser())
            slides.update(rule.of_files(names, ann_file))
            patches += len(names)
        quickhashes.update(_quickhashes(part.get('data_prefix')))
    patients = {} if table is None else _patients(Path(table), slides)
    return {
        'slides': _hashes(slides),
        'quickhashes': _hashes(quickhashes[s] for s in slides if s in quickhashes),
        'patients': _hashes({*patients.values()}),
        'patches': patches,
    }


def summarise_features(
    network: Any, cfg: Any, test_set: Any, patches: int
) -> TrainingFeatures:
    """Summarise the features of training patches, drawn evenly over the slides.

    Args:
        network: the trained classifier.
        cfg: config of the run.
        test_set: data set of evaluation, whose pipeline the patches go through.
        patches: how many at most.

    Raises:
        FileNotFoundError: a patch is missing; the message names the way without.
    """
    part = next(iter(data_sets(cfg.data.train)))
    keys = ('type', 'data_prefix', 'ann_file', 'classes', 'packed', 'on_error', 'slide')
    config = {key: part[key] for key in keys if key in part}
    steps = cfg.data.test.pipeline
    train_set = build_dataset({**config, 'pipeline': steps, 'test_mode': True})
    settle_images(train_set, network)
    chosen = _spread(train_set.get_bags(), patches)
    try:
        features = _features(network, train_set, chosen)
    except OSError as error:
        raise FileNotFoundError(
            f'{error} The model folder summarises the features of training patches; '
            '--training-patches 0 leaves that out.'
        ) from error
    return TrainingFeatures.fit(features, train_set.get_bags()[chosen])


def data_sets(node: Any) -> Iterable[Mapping[str, Any]]:
    """Yield the configs of data sets within mmcls' wrappers and lists."""
    if isinstance(node, (list, tuple)):
        for member in node:
            yield from data_sets(member)
    elif any(name in node for name in _INSIDE):
        for name in _INSIDE:
            yield from data_sets(node.get(name, ()))
    else:
        yield node


def _file_names(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such annotation file (data.train.ann_file).{looked_at(path)} '
            'A model folder '
            'names its training slides, so that predictions on them can be flagged.'
        )
    lines = path.read_text(encoding='utf-8').splitlines()
    return [line.rpartition(' ')[0] for line in lines if line.strip()]


def _quickhashes(data_prefix: Optional[str]) -> dict[str, str]:
    """Read the quickhashes that ``cite tile`` wrote beside the patches."""
    if not data_prefix:
        return {}
    folder = Path(data_prefix).expanduser()
    for path in (folder / 'slides.csv', folder.parent / 'slides.csv'):
        if path.is_file():
            return _columns(path, ('slide', 'slide_id', 'id'), ('quickhash',))
    return {}


def _patients(path: Path, slides: Iterable[str]) -> dict[str, str]:
    """Return the patients of training slides, as a table has them."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such table of slides and patients.')
    patients = _columns(path, ('slide_id', 'slide', 'id'), PATIENT_COLUMNS)
    known = {s: patients[plain_cell(s)] for s in slides if plain_cell(s) in patients}
    if not known:
        raise ValueError(
            f'{path} has the patient of none of the training slides: it has slides '
            f'such as {shorten([*patients], 3)}, the training has '
            f'{shorten(sorted(slides), 3)}.'
        )
    return known


def _columns(
    path: Path, keys: tuple[str, ...], values: tuple[str, ...]
) -> dict[str, str]:
    """Read two columns of a table, by the first of their names that it has."""
    table = read_csv_table(path)
    key = find_column(table.columns, keys, path)
    value = find_column(table.columns, values, path)
    if key is None or value is None:
        raise ValueError(
            f'{path} has the columns {table.columns}; it needs one of '
            f'{list(keys)} and one of {list(values)}, separated by commas.'
        )
    entries: dict[str, str] = {}
    for line, row in table.rows:
        slide, entry = row[key], row[value]
        if slide and entry and entries.setdefault(slide, entry) != entry:
            raise ValueError(
                f'{path}:{line}: slide {slide} has the {value} {entry!r} here and '
                f'{entries[slide]!r} above. Keep one.'
            )
    return entries


def _hashes(names: Iterable[str]) -> list[str]:
    return sorted({hashed(name) for name in names})


def _spread(bags: np.ndarray, number: int) -> list[int]:
    """Draw indices slide by slide in rotation, the same in each call."""
    rng = random.Random(0)
    of_slide = [[*np.flatnonzero(bags == bag)] for bag in np.unique(bags)]
    for indices in of_slide:
        rng.shuffle(indices)
    rounds = max(map(len, of_slide))
    order = [s[i] for i in range(rounds) for s in of_slide if i < len(s)]
    return sorted(int(i) for i in order[:number])


@torch.inference_mode()
def _features(network: Any, dataset: Any, chosen: list[int]) -> np.ndarray:
    """Compute the features of patches, (N, D)."""
    if len(chosen) < 4:
        raise ValueError(
            f'{count(len(chosen), "training patch")} are too few to summarise; '
            '--training-patches 0 leaves the summary out.'
        )
    loader = DataLoader(
        Subset(dataset, chosen),
        _BATCH,
        collate_fn=partial(collate, samples_per_gpu=_BATCH),
    )
    precision, rows = getattr(network, 'precision', 'fp32'), []
    for batch in loader:
        images = to_float(batch['img'], batch.get('img_metas'))
        with autocast(precision, images.device):
            x = network.extract_feat(images, stage='backbone')
        last = x[-1] if isinstance(x, (tuple, list)) else x
        is_map = isinstance(last, torch.Tensor) and last.dim() == 4
        rows.append((last.mean((2, 3)) if is_map else class_token(x)).float())
    return torch.cat(rows).numpy()
