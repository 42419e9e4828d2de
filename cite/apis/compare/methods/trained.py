"""A method that is an mmcls config: trained and tested as ``mim`` does."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcls.apis import init_random_seed, set_random_seed, train_model
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from mmcv import Config

from .job_config import job_config
from .predict import predict
from .scores import Scores


def trained(inputs: dict[str, Any], folder: Path) -> Scores:
    """Train a config on a job's slides, unless it needs none, and test it.

    Args:
        inputs: of :func:`cite.apis.compare.plan.job_inputs`.
        folder: the job's own; it gets mmcls' log.
    """
    cfg = job_config(inputs, folder)
    set_random_seed(init_random_seed(cfg.seed, device=cfg.device))
    model = build_classifier(cfg.model)
    model.init_weights()
    if 'train' in inputs['files']:
        _train(model, cfg)
    return Scores(patches=predict(model, build_dataset(cfg.data.test), cfg))


def _train(model: torch.nn.Module, cfg: Config) -> None:
    data = build_dataset(cfg.data.train)
    train_model(
        model,
        [data],
        cfg,
        timestamp=time.strftime('%Y%m%d_%H%M%S'),
        device=cfg.device,
        meta={'seed': cfg.seed, 'CLASSES': data.CLASSES},
    )


def softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits (N, K) into probabilities."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)
