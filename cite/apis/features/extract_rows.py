"""Compute the features of all rows of a data set, piece by piece, by all ranks.

A piece is written whole or not at all, and the file of a draw out of its pieces: an
interrupted extraction goes on with the next missing piece.
"""

import os
from collections.abc import Iterator
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

from cite.datasets.samplers import Draw
from cite.models.class_token import class_token
from cite.models.classifiers.normalize import ImageBuffer, to_float
from cite.models.classifiers.precision import autocast

PIECE = 4096  # rows


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
    """Tell whether this process writes what belongs to all."""
    return get_dist_info()[0] == 0


def extract_draw(
    model: nn.Module, dataset: Any, path: str, draw: int, work: dict[str, Any]
) -> int:
    """Write the features of all patches, one augmented draw of each, to a file.

    Args:
        model: a classifier in eval mode.
        dataset: whose items are images.
        path: the ``.npy`` file, (N, D); left alone if it is there.
        draw: its number, from 1.
        work: ``batch_size``, ``workers``, ``dtype``, ``seed``.

    Returns:
        D.
    """
    _wait()  # the first rank may have cleared the folder
    if not Path(path).is_file():
        rank, ranks = get_dist_info()
        pieces = _pieces(path, len(dataset))
        mine = [piece for piece in list(pieces)[rank::ranks] if not piece.is_file()]
        shown = tqdm(mine, desc=Path(path).name, unit='piece', disable=rank > 0)
        for piece in shown:
            rows = _features(model, dataset, pieces[piece], draw, work)
            _save(piece, rows)
        _wait()
        if rank == 0:
            _join(path, list(pieces))
        _wait()
    return int(np.load(path, mmap_mode='r').shape[1])


def _pieces(path: str, rows: int) -> dict[Path, range]:
    return {
        Path(f'{path}.{start}-{min(start + PIECE, rows)}.npy'): range(
            start, min(start + PIECE, rows)
        )
        for start in range(0, rows, PIECE)
    }


@torch.inference_mode()
def _features(
    model: Any, dataset: Any, rows: range, draw: int, work: dict[str, Any]
) -> np.ndarray:
    """Compute the features of some rows, (len(rows), D)."""
    device = next(model.backbone.parameters()).device
    precision = getattr(model, 'precision', 'fp32')
    features, buffer = [], ImageBuffer()
    for batch in _batches(dataset, rows, draw, work):
        images = batch['img'].to(device, non_blocking=True)
        images = to_float(images, batch.get('img_metas'), buffer)  # (n, 3, H, W)
        with autocast(precision, device):
            x = class_token(model.backbone(images))
        features.append(x.float().cpu())
    return torch.cat(features).numpy().astype(work['dtype'])


def _batches(
    dataset: Any, rows: range, draw: int, work: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Yield batches of images, augmented as (seed, draw, row) says."""
    first = (draw - 1) * len(dataset)
    indices = [Draw(i, first + i, work['seed']) for i in rows]
    size = work['batch_size']
    loader = DataLoader(
        dataset,
        batch_size=size,
        sampler=indices,
        num_workers=work['workers'],
        collate_fn=partial(collate, samples_per_gpu=size),
    )
    yield from loader


def _save(path: Path, rows: np.ndarray) -> None:
    partial_path = path.with_suffix('.partial')
    with partial_path.open('wb') as file:
        np.save(file, rows)
    os.replace(partial_path, path)


def _join(path: str, pieces: list[Path]) -> None:
    """Write the pieces one after the other into the final file, then remove them."""
    parts = [np.load(piece, mmap_mode='r') for piece in pieces]
    shape = sum(len(part) for part in parts), parts[0].shape[1]
    partial_path = f'{path}.partial'
    whole = np.lib.format.open_memmap(partial_path, 'w+', parts[0].dtype, shape)
    start = 0
    for part in parts:
        whole[start : start + len(part)] = part
        start += len(part)
    whole.flush()
    os.replace(partial_path, path)
    for piece in pieces:
        piece.unlink()


def _wait() -> None:
    if distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
