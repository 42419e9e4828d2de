"""Compute the features of all rows of a data set, piece by piece, by all ranks.

A piece is written whole or not at all, and the file of a draw is joined from its
pieces: an interrupted extraction continues with the next missing piece.
"""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmcv.parallel import collate
from mmcv.runner import get_dist_info
from torch import Tensor, distributed, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from cite.core.files.numpy_files import MappedArray
from cite.core.workers import fitting_workers, start_method
from cite.datasets.samplers import Draw
from cite.models.class_token import class_token
from cite.models.classifiers.each_alone import each_alone
from cite.models.classifiers.normalize import ImageBuffer, to_float
from cite.models.precision import autocast

from .pieces import join_pieces, read_piece, write_piece

DTYPES = ('float32', 'float16')
PIECE = 4096  # rows


@dataclass(frozen=True)
class Extraction:
    """How features are computed and stored.

    Args:
        batch_size: number of images in a forward pass.
        workers: number of processes that load images.
        dtype: data type of the files, one of ``DTYPES``.
        seed: seed of the augmentation.
        num_aug: number of augmented draws of a training patch.
        force: whether to replace features of another origin.
    """

    batch_size: int
    workers: int
    dtype: str = 'float32'
    seed: int = 0
    num_aug: int = 1
    force: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ValueError(f'dtype={self.dtype!r}: name one of {", ".join(DTYPES)}.')
        if self.num_aug < 1:
            raise ValueError(
                f'num_aug={self.num_aug}: a patch needs at least one draw.'
            )
        if not 0 <= self.seed < 2**64:
            raise ValueError(f'seed={self.seed}: name a number from 0 to 2^64 - 1.')


def start_ranks() -> torch.device:
    """Join the other processes of ``torchrun``, if any; return this one's device."""
    rank = int(os.environ.get('LOCAL_RANK', 0))
    cuda = torch.cuda.is_available()
    if 'WORLD_SIZE' in os.environ and not distributed.is_initialized():
        distributed.init_process_group('nccl' if cuda else 'gloo')
    if not cuda:
        return torch.device('cpu')
    torch.cuda.set_device(rank)
    return torch.device('cuda', rank)


def is_first_rank() -> bool:
    """Tell whether this process writes the files that all ranks share."""
    return get_dist_info()[0] == 0


def extract_draw(
    model: nn.Module, dataset: Any, path: str, draw: int, extraction: Extraction
) -> int:
    """Write the features of all patches, one augmented draw of each, to a file.

    Args:
        model: classifier in eval mode.
        dataset: data set of images, N items.
        path: path of the ``.npy`` file, (N, D); an existing file is left alone.
        draw: number of the draw, from 1.
        extraction: batch size, workers, data type and seed.

    Returns:
        The width D of the features.
    """
    _wait()  # the first rank may have cleared the folder
    if not Path(path).is_file():
        rank, ranks = get_dist_info()
        pieces = _pieces(path, len(dataset))
        missing = [p for p in list(pieces)[rank::ranks] if read_piece(p) is None]
        bar = tqdm(missing, desc=Path(path).name, unit='piece', disable=rank > 0)
        for piece in bar:
            features = _features(model, dataset, pieces[piece], draw, extraction)
            write_piece(piece, features)
        _wait()
        if rank == 0:
            join_pieces(path, list(pieces), len(dataset))
        _wait()
    return int(MappedArray(path).array.shape[1])


def _pieces(path: str, rows: int) -> dict[Path, range]:
    """Return the rows of each piece, by the piece's path."""
    pieces = [range(i, min(i + PIECE, rows)) for i in range(0, rows, PIECE)]
    return {Path(f'{path}.{p.start}-{p.stop}.npy'): p for p in pieces}


@torch.inference_mode()
def _features(
    model: Any, dataset: Any, rows: range, draw: int, extraction: Extraction
) -> np.ndarray:
    """Compute the features of some rows, (len(rows), D)."""
    device = next(model.backbone.parameters()).device
    precision = getattr(model, 'precision', 'fp32')
    features, buffer = [], ImageBuffer()

    def encode(images: Tensor) -> Tensor:
        return class_token(model.backbone(images))

    for batch in _batches(dataset, rows, draw, extraction):
        images = batch['img'].to(device, non_blocking=True)
        images = to_float(images, batch.get('img_metas'), buffer)  # (n, 3, H, W)
        with autocast(precision, device):
            found = each_alone(encode, images, model)
        features.append(torch.cat(found).float().cpu())
    return torch.cat(features).numpy().astype(extraction.dtype)


def _batches(
    dataset: Any, rows: range, draw: int, extraction: Extraction
) -> DataLoader:
    """Load batches of images; (seed, draw, row) determine an image's augmentation."""
    first = (draw - 1) * len(dataset)
    indices = [Draw(i, first + i, extraction.seed) for i in rows]
    workers = extraction.workers
    if workers:
        image = collate([dataset[indices[0]]], 1)['img']  # (1, 3, H, W)
        batch_bytes = extraction.batch_size * image.element_size() * image.numel()
        workers = fitting_workers(workers, batch_bytes)
    return DataLoader(
        dataset,
        batch_size=extraction.batch_size,
        sampler=indices,
        num_workers=workers,
        multiprocessing_context=start_method(workers),
        collate_fn=partial(collate, samples_per_gpu=extraction.batch_size),
    )


def _wait() -> None:
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
