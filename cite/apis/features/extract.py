"""Features of a frozen backbone, computed once for every run that would repeat them."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

import torch
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from mmcls.utils import get_root_logger
from mmcv import Config
from torch import nn

from cite.apis.config_file import read_config
from cite.core.frozen import frozen_digest, frozen_state
from cite.datasets.storage.feature_note import note_path, read_note
from cite.models.image_stats import settle_images

from .extract_config import write_feature_config
from .extract_rows import extract_draw, is_first_rank, start_ranks

DTYPES = ('float32', 'float16')


def extract_features(
    config: Union[str, Path],
    out: Union[str, Path, None] = None,
    num_aug: int = 8,
    splits: Sequence[str] = ('train', 'val', 'test'),
    dtype: str = 'float32',
    seed: int = 0,
    batch_size: int = 128,
    workers: Optional[int] = None,
    force: bool = False,
    options: Optional[dict[str, Any]] = None,
) -> Path:
    """Extract the features that a config's frozen backbone makes of its data sets.

    Under ``torchrun`` the ranks share the work. What an interrupted call has finished
    is not computed again.

    Args:
        config: of a zero-shot, linear or neck-only run.
        out: folder to write to; default ``work_dirs/features/{config's name}``.
        num_aug: augmented draws of a training patch; evaluation has one, unaugmented.
        splits: which of ``data.train``, ``data.val`` and ``data.test``.
        dtype: of the files, ``'float32'`` or ``'float16'``.
        seed: of the augmentation.
        batch_size: images of a forward pass.
        workers: processes that load images; default the config's.
        force: replace features of another backbone, pipeline or annotation file.
        options: overrides of the config, as ``--cfg-options``.

    Returns:
        A config with which ``mim train`` and ``mim test`` run on the features.

    Raises:
        ValueError: the backbone is trained in this config, or ``out`` holds features
            of something else.
        FileNotFoundError: no such config, annotation file or patch.
    """
    if dtype not in DTYPES or num_aug < 1:
        raise ValueError(f'dtype={dtype!r} is one of {DTYPES}, num_aug={num_aug} >= 1.')
    cfg = read_config(config, options)
    out = Path(out or Path('work_dirs/features') / Path(config).stem)
    device = start_ranks()
    model = _build(cfg, device)
    digest = _backbone_digest(model.backbone)
    found: dict[str, dict[str, Any]] = {}
    for split in splits:
        dataset = _dataset(cfg, split)
        settle_images(dataset, model)
        prefix = _prefix(out, split, dataset, found)
        draws = 1 if dataset.test_mode else num_aug
        note = _note(config, cfg, dataset, digest, model, dtype, seed)
        _agree(str(prefix), note, force)
        for i in range(1, draws + 1):
            work = {'batch_size': batch_size, 'dtype': dtype, 'seed': seed}
            per_gpu = cfg.data.get('workers_per_gpu', 0)
            work['workers'] = per_gpu if workers is None else workers
            width = extract_draw(model, dataset, f'{prefix}_{i}.npy', i, work)
        ann_file = str(Path(dataset.ann_file).resolve())
        prefix = prefix.resolve()
        found[split] = {
            'feature_file': str(prefix),
            'num_aug': draws,
            'feature_digest': digest,
            'ann_file': ann_file,
        }
    return write_feature_config(config, out, found, width, digest, options)


def _build(cfg: Config, device: torch.device) -> nn.Module:
    """Build the model with its pretrained weights, for evaluation."""
    model = build_classifier(cfg.model)
    model.init_weights()
    return model.to(device).eval()


def _backbone_digest(backbone: Any) -> str:
    trained = [name for name, p in backbone.named_parameters() if p.requires_grad]
    if trained:
        raise ValueError(
            'this config trains its backbone '
            f'({", ".join(trained[:3])}), whose features change with every step. Take '
            'a zero-shot, linear or neck-only config.'
        )
    if not any(True for _ in frozen_state(backbone)):
        raise ValueError(
            f'{type(backbone).__name__} has no weights: this config runs on features '
            'already. Give the one with the image backbone.'
        )
    return bytes(frozen_digest(backbone).tolist()).hex()


def _dataset(cfg: Config, split: str) -> Any:
    """Build a data set as mmcls does: val and test in test mode."""
    data = cfg.data[split].copy()
    evaluating = split != 'train'
    return build_dataset(data, {'test_mode': True} if evaluating else None)


def _prefix(out: Path, split: str, dataset: Any, found: dict[str, Any]) -> Path:
    """Name a split's files; val and test of one annotation file share theirs."""
    kind = 'eval' if dataset.test_mode else 'train'
    return out / f'{kind}-{Path(dataset.ann_file).stem}'


def _note(
    config: Union[str, Path],
    cfg: Config,
    dataset: Any,
    digest: str,
    model: nn.Module,
    dtype: str,
    seed: int,
) -> dict[str, Any]:
    pipeline = repr(dataset.pipeline)
    backbone: Any = model.backbone
    return {
        'config': str(config),
        'backbone': {
            'type': type(backbone).__name__,
            'source': getattr(backbone, 'weights_source', None),
            'digest': digest,
        },
        'precision': getattr(model, 'precision', 'fp32'),
        'pipeline': {
            'digest': hashlib.sha256(pipeline.encode()).hexdigest(),
            'steps': pipeline,
        },
        'annotation': {
            'file': str(dataset.ann_file),
            'lines': len(dataset),
            'digest': dataset.annotation_digest(),
        },
        'dtype': dtype,
        'seed': seed,
    }


def _agree(prefix: str, note: dict[str, Any], force: bool) -> None:
    """Compare with the note of features that are there; write it where there is none.

    Raises:
        ValueError: they are of something else, and ``force`` is off.
    """
    old = read_note(prefix)
    compared = ('backbone', 'precision', 'pipeline', 'annotation', 'dtype', 'seed')
    differ = [] if old is None else [k for k in compared if old.get(k) != note[k]]
    if differ and not force:
        raise ValueError(
            f'{note_path(prefix)} says that the features there are of another '
            f'{", ".join(differ)}. Name another --out, or replace them with --force.'
        )
    if is_first_rank() and (differ or old is None):
        path = note_path(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        for file in path.parent.glob(f'{Path(prefix).name}_*.npy*'):
            get_root_logger().info(f'removing {file}: of another {differ or "origin"}')
            file.unlink()
        partial = path.with_suffix('.partial')
        partial.write_text(json.dumps(note, indent=1) + '\n', encoding='utf-8')
        os.replace(partial, path)
