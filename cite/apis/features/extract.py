"""Features of a frozen backbone, computed once for all runs that need them."""

import hashlib
import json
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
from cite.core.files.write_whole import write_text_whole
from cite.core.frozen import frozen_digest, frozen_state
from cite.core.messages import shorten
from cite.datasets.storage.feature_note import note_path, read_note
from cite.models.image_stats import settle_images

from .extract_config import write_feature_config
from .extract_rows import Extraction, extract_draw, is_first_rank, start_ranks

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
    """Extract the features that a config's frozen backbone gives for its data sets.

    Under ``torchrun`` the ranks share the work. Pieces that an interrupted call has
    finished are not computed again.

    Args:
        config: path of the config of a zero-shot, linear or neck-only run.
        out: folder to write to; default ``work_dirs/features/{config's name}``.
        num_aug: number of augmented draws of a training patch; evaluation has a single
            draw without augmentation.
        splits: names among ``'train'``, ``'val'`` and ``'test'``, as in ``cfg.data``.
        dtype: data type of the files, ``'float32'`` or ``'float16'``.
        seed: seed of the augmentation.
        batch_size: number of images in a forward pass.
        workers: number of processes that load images; default the config's.
        force: whether to replace features of another backbone, pipeline or annotation
            file.
        options: overrides of the config, as with ``--cfg-options``.

    Returns:
        The path of a config with which ``mim train`` and ``mim test`` run on the
        features.

    Raises:
        ValueError: the backbone is trained in this config, or ``out`` has features
            of another backbone, pipeline or annotation file.
        FileNotFoundError: the config, an annotation file or a patch does not exist.
    """
    if dtype not in DTYPES:
        raise ValueError(f'dtype={dtype!r}: name one of {", ".join(DTYPES)}.')
    if num_aug < 1:
        raise ValueError(f'num_aug={num_aug}: a patch needs at least one draw.')
    cfg = read_config(config, options)
    out = Path(out or Path('work_dirs/features') / Path(config).stem)
    workers = cfg.data.get('workers_per_gpu', 0) if workers is None else workers
    extraction = Extraction(batch_size, workers, dtype, seed)
    device = start_ranks()
    model = _build(cfg, device)
    digest = _backbone_digest(model.backbone)
    data: dict[str, dict[str, Any]] = {}
    for split in splits:
        dataset = _dataset(cfg, split)
        settle_images(dataset, model)
        prefix = _prefix(out, dataset)
        draws = 1 if dataset.test_mode else num_aug
        _agree(str(prefix), _note(config, dataset, digest, model, extraction), force)
        for draw in range(1, draws + 1):
            path = f'{prefix}_{draw}.npy'
            width = extract_draw(model, dataset, path, draw, extraction)
        data[split] = {
            'feature_file': str(prefix.resolve()),
            'num_aug': draws,
            'feature_digest': digest,
            'ann_file': str(Path(dataset.ann_file).resolve()),
        }
    return write_feature_config(config, out, data, width, digest, options)


def _build(cfg: Config, device: torch.device) -> nn.Module:
    """Build the model with its pretrained weights, for evaluation."""
    model = build_classifier(cfg.model)
    model.init_weights()
    return model.to(device).eval()


def _backbone_digest(backbone: Any) -> str:
    trained = [name for name, p in backbone.named_parameters() if p.requires_grad]
    if trained:
        raise ValueError(
            f'this config trains its backbone ({shorten(trained, 3)}), whose features '
            'change with every step. Take a zero-shot, linear or neck-only config.'
        )
    if not any(True for _ in frozen_state(backbone)):
        raise ValueError(
            f'{type(backbone).__name__} has no weights: this config runs on features '
            'already. Give the config with the image backbone.'
        )
    return bytes(frozen_digest(backbone).tolist()).hex()


def _dataset(cfg: Config, split: str) -> Any:
    """Build a data set as mmcls does: val and test in test mode."""
    data = cfg.data[split].copy()
    evaluating = split != 'train'
    return build_dataset(data, {'test_mode': True} if evaluating else None)


def _prefix(out: Path, dataset: Any) -> Path:
    """Name a split's files; val and test of one annotation file share theirs."""
    kind = 'eval' if dataset.test_mode else 'train'
    return out / f'{kind}-{Path(dataset.ann_file).stem}'


def _note(
    config: Union[str, Path],
    dataset: Any,
    digest: str,
    model: nn.Module,
    extraction: Extraction,
) -> dict[str, Any]:
    """Describe what features depend on, and where they are from."""
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
        'dtype': extraction.dtype,
        'seed': extraction.seed,
    }


def _agree(prefix: str, note: dict[str, Any], force: bool) -> None:
    """Compare a note with that of existing features; write it if there is none.

    Raises:
        ValueError: the existing features have another origin, and ``force`` is off.
    """
    path, old = note_path(prefix), read_note(prefix)
    compared = ('backbone', 'precision', 'pipeline', 'annotation', 'dtype', 'seed')
    differing = [] if old is None else [k for k in compared if old.get(k) != note[k]]
    if differing and not force:
        raise ValueError(
            f'{path} says that the features there are of another '
            f'{", ".join(differing)}. Name another --out, or replace them with --force.'
        )
    if is_first_rank() and (differing or old is None):
        for file in path.parent.glob(f'{Path(prefix).name}_*.npy*'):
            reason = f'another {", ".join(differing) or "origin"}'
            get_root_logger().info(f'removing {file}: it has {reason}')
            file.unlink()
        write_text_whole(path, json.dumps(note, indent=1) + '\n')
