"""Features of a frozen backbone, computed once and shared by all jobs that want them."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmcls.apis import set_random_seed
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from mmcv import Config

from cite.datasets.annotations import bag_of

from .job_config import job_config
from .predict import loader


class Features(NamedTuple):
    """Features of an annotation file's patches, in its order."""

    values: np.ndarray  # (N, D) float32
    labels: np.ndarray  # (N,)
    bags: np.ndarray  # (N,) slide ids

    def of_slides(self) -> list[np.ndarray]:
        """Return the features of each slide, sorted by slide id, (n, D) each."""
        return [self.values[self.bags == bag] for bag in np.unique(self.bags)]

    def slide_labels(self) -> np.ndarray:
        """Return the class of each slide, sorted by slide id, (B,)."""
        _, first = np.unique(self.bags, return_index=True)
        return self.labels[first]


def features(inputs: dict[str, Any], folder: Path, file: str) -> Features:
    """Return the features of one of a job's annotation files, from the cache or new.

    The model is the one of the method's config before training; a patch's feature is
    what its head would get from the backbone, and a neck is left out. Patches are as in
    evaluation, not augmented.

    Args:
        inputs: of :func:`cite.apis.compare.plan.job_inputs`.
        folder: the job's own; the cache lies in ``features`` beside all jobs' folders.
        file: ``'train'`` or ``'val'``.
    """
    cfg = job_config(inputs, folder)
    test = cfg.data.test
    test.ann_file = inputs['files'][file]
    dataset = build_dataset(test)
    names = [info['img_info']['filename'] for info in dataset.data_infos]
    cache = folder.parent.parent / 'features' / f'{_key(cfg)}.npz'
    known = _read(cache)
    lacking = [i for i, name in enumerate(names) if name not in known]
    if lacking:
        new = _compute(cfg, torch.utils.data.Subset(dataset, lacking))
        known.update(zip([names[i] for i in lacking], new))
        _write(cache, known)
    return Features(
        np.stack([known[name] for name in names]),
        dataset.get_gt_labels(),
        np.array([bag_of(name) for name in names]),
    )


def _key(cfg: Config) -> str:
    """Digest what features depend on: backbone and preprocessing."""
    parts = [cfg.model.backbone, cfg.data.test.pipeline]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _compute(cfg: Config, dataset: Any) -> np.ndarray:
    from cite.models.class_token import class_token

    set_random_seed(0)
    model = build_classifier({**cfg.model, 'neck': None})
    model.init_weights()
    model = model.to(cfg.device).eval()
    batches = []
    with torch.no_grad():
        for batch in loader(dataset, cfg):
            output = model.extract_feat(batch['img'].to(cfg.device), stage='backbone')
            batches.append(class_token(output).float().cpu().numpy())
    return np.concatenate(batches)


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return dict(zip(stored['names'].tolist(), stored['values']))


def _write(path: Path, known: dict[str, np.ndarray]) -> None:
    """Write the cache whole or not at all: several jobs may do so at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.stem}.{os.getpid()}.partial.npz')
    np.savez(partial, names=np.array([*known]), values=np.stack([*known.values()]))
    os.replace(partial, path)
