"""mmcv writes checkpoints in place, and removes ``latest.pth`` before it links it anew.

A run that is killed, or a disk that fills up, then leaves a partial file or no latest.
Ours are written beside, flushed to the disk and renamed: whole or not at all. Weights
that are not finite are not written at all.
"""

import functools
import importlib
import os
from typing import Any

import mmcv
import torch
from mmcv.runner import save_checkpoint as _save_checkpoint
from torch import nn

from cite.core.hooks.finite_loss_hook import advice

from .work_dir import PARTIAL

_RUNNERS = ('mmcv.runner.iter_based_runner', 'mmcv.runner.epoch_based_runner')


def install() -> None:
    """Replace ``save_checkpoint`` and ``mmcv.symlink`` as the runners see them."""
    for name in _RUNNERS:
        importlib.import_module(name).save_checkpoint = save_checkpoint  # type: ignore
    mmcv.symlink = symlink


@functools.wraps(_save_checkpoint)
def save_checkpoint(model: Any, filename: str, *args: Any, **kwargs: Any) -> None:
    _check_finite(model, filename)
    partial = f'{filename}{PARTIAL}'
    try:
        _save_checkpoint(model, partial, *args, **kwargs)
        _flush(partial)
        os.replace(partial, filename)
    except OSError as error:
        if os.path.exists(partial):
            os.remove(partial)
        raise OSError(
            error.errno,
            f'the checkpoint could not be written ({error.strerror}); those written '
            'before are whole. Make room or choose another --work-dir, then go on with '
            '--resume-from',
            filename,
        ) from error
    _flush(os.path.dirname(filename) or '.')


def _check_finite(model: nn.Module, filename: str) -> None:
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    if not trained:
        return
    with torch.no_grad():
        finite = torch.stack([p.isfinite().all() for _, p in trained]).tolist()
    if not all(finite):
        name = trained[finite.index(False)][0]
        raise FloatingPointError(
            f'{filename} was not written: {name} is not finite any more. '
            f'{advice(os.path.dirname(filename))}'
        )


def symlink(src: str, dst: str, overwrite: bool = True, **kwargs: Any) -> None:
    """Link ``dst`` to ``src``; at no moment is there neither the old nor the new."""
    if os.path.lexists(dst) and not overwrite:
        raise FileExistsError(f'{dst} exists.')
    partial = f'{dst}{PARTIAL}'
    if os.path.lexists(partial):
        os.remove(partial)
    os.symlink(src, partial, **kwargs)
    os.replace(partial, dst)


def _flush(path: str) -> None:
    """Wait until a file, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
