"""A method that is an mmcls config: trained and tested as ``mim`` does."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcls.apis import set_random_seed, train_model
from mmcls.models import build_classifier
from mmcv import Config

from .features import shared_draws
from .job_config import job_config
from .patches import share_patches
from .predict import predict
from .scores import Scores, build_part


def trained(inputs: dict[str, Any], folder: Path) -> Scores:
    """Train a config on a job's slides, unless it needs none, and test it.

    Args:
        inputs: of :func:`cite.compare.plan.plan.job_inputs`.
        folder: the job's own; it gets mmcls' log.
    """
    cfg = job_config(inputs)
    cfg.work_dir = str(folder)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        if inputs['method']['features']:
            _use_features(cfg, inputs, folder, Path(scratch))
        set_random_seed(cfg.seed)
        model = build_classifier(cfg.model)
        model.init_weights()
        if 'train' in inputs['files']:
            _train(model, cfg)
        return Scores(patches=predict(model, _dataset(cfg, 'test'), cfg))


def _train(model: torch.nn.Module, cfg: Config) -> None:
    data = _dataset(cfg, 'train')
    train_model(
        model,
        [data],
        cfg,
        timestamp=time.strftime('%Y%m%d_%H%M%S'),
        device=cfg.device,
        meta={'seed': cfg.seed, 'CLASSES': data.CLASSES},
    )


def _dataset(cfg: Config, part: str) -> Any:
    if not cfg.data.get('workers_per_gpu'):
        cfg.data[part].cache = 'off'
    return share_patches(build_part(cfg, part), cfg)


def _use_features(
    cfg: Config, inputs: dict[str, Any], folder: Path, scratch: Path
) -> None:
    """Put features in the place of images, and nothing in that of the backbone."""
    number = inputs['method']['features']
    test = shared_draws(cfg, inputs, folder, 'val', 0)
    prefixes = {'test': (test.prefix, 1)}
    if 'train' in inputs['files']:
        train = shared_draws(cfg, inputs, folder, 'train', number)
        for i in range(1, number + 1):
            np.save(scratch / f'train_{i}.npy', train.read(i))
        prefixes['train'] = (scratch / 'train', number)
    for part, (prefix, draws) in prefixes.items():
        cfg.data[part].update(feature_file=str(prefix), num_aug=draws)
    cfg.model.backbone = {'type': 'FeatureBackbone'}
