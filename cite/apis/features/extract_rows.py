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
from torch import distributed, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from cite.core.files.write_whole import PARTIAL, write_whole
from cite.datasets.samplers import Draw
from cite.models.class_token import class_token
from cite.models.classifiers.normalize import ImageBuffer, to_float
from cite.models.precision import autocast

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
        missing = [piece for piece in list(pieces)[rank::ranks] if not piece.is_file()]
        bar = tqdm(missing, desc=Path(path).name, unit='piece', disable=rank > 0)
        for piece in bar:
            features = _features(model, dataset, pieces[piece], draw, extraction)
            with write_whole(piece) as partial_path, partial_path.open('wb') as file:
                np.save(file, features)
        _wait()
        if rank == 0:
            _join(path, list(pieces))
        _wait()
    return int(np.load(path, mmap_mode='r').shape[1])


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
    for batch in _batches(dataset, rows, draw, extraction):
        images = batch['img'].to(device, non_blocking=True)
        images = to_float(images, batch.get('img_metas'), buffer)  # (n, 3, H, W)
        with autocast(precision, device):
            x = class_token(model.backbone(images))
        features.append(x.float().cpu())
    return torch.cat(features).numpy().astype(extraction.dtype)


def _batches(
    dataset: Any, rows: range, draw: int, extraction: Extraction
) -> DataLoader:
    """Load batches of images; (seed, draw, row) determine an image's augmentation."""
    first = (draw - 1) * len(dataset)
    indices = [Draw(i, first + i, extraction.seed) for i in rows]
    return DataLoader(
        dataset,
        batch_size=extraction.batch_size,
        sampler=indices,
        num_workers=extraction.workers,
        collate_fn=partial(collate, samples_per_gpu=extraction.batch_size),
    )


def _join(path: str, pieces: list[Path]) -> None:
    """Write the pieces one after another into the final file, then remove them."""
    parts = [np.load(piece, mmap_mode='r') for piece in pieces]
    shape = sum(len(part) for part in parts), parts[0].shape[1]
    with write_whole(path) as partial_path:
        whole = np.lib.format.open_memmap(partial_path, 'w+', parts[0].dtype, shape)
        np.concatenate(parts, out=whole)
        whole.flush()
    # Killed ranks may have left partial files of pieces behind.
    leftovers = Path(path).parent.glob(f'{Path(path).name}.*{PARTIAL}')
    for file in [*pieces, *leftovers]:
        file.unlink()


def _wait() -> None:
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
