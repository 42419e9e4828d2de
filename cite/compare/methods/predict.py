from typing import Any

import numpy as np
import torch
from mmcls.datasets import build_dataloader
from mmcv import Config
from torch.utils.data import Dataset

from cite.models.classifiers.normalize import ImageBuffer, to_float


def predict(model: Any, dataset: Dataset, cfg: Config) -> np.ndarray:
    """Compute the softmax scores of a data set's patches, (N, K), in its order."""
    model = model.to(cfg.device).eval()
    loader = build_dataloader(
        dataset,
        samples_per_gpu=cfg.data.samples_per_gpu,
        workers_per_gpu=cfg.data.workers_per_gpu,
        num_gpus=1,
        dist=False,
        shuffle=False,
        round_up=False,
        persistent_workers=False,
    )
    batches, buffer = [], ImageBuffer()
    with torch.no_grad():
        for batch in loader:
            images = batch['img'].to(cfg.device)
            images = to_float(images, batch.get('img_metas'), buffer)
            batches.append(np.stack(model.simple_test(images, None)))
    return np.concatenate(batches)
