from typing import Any

import numpy as np
import torch
from mmcls.datasets import build_dataloader
from mmcv import Config
from torch.utils.data import DataLoader, Dataset


def predict(model: Any, dataset: Dataset, cfg: Config) -> np.ndarray:
    """Compute the softmax scores of a data set's patches, (N, K), in its order."""
    model = model.to(cfg.device).eval()
    batches = []
    with torch.no_grad():
        for batch in loader(dataset, cfg):
            image = batch['img'].to(cfg.device)
            batches.append(np.stack(model.simple_test(image, None)))
    return np.concatenate(batches)


def loader(dataset: Dataset, cfg: Config) -> DataLoader:
    """Build the loader of a data set in its order, as mmcls' test command does."""
    return build_dataloader(
        dataset,
        samples_per_gpu=cfg.data.samples_per_gpu,
        workers_per_gpu=cfg.data.workers_per_gpu,
        num_gpus=1,
        dist=False,
        shuffle=False,
        round_up=False,
        persistent_workers=False,
    )
