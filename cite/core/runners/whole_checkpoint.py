"""Write a checkpoint whole or not at all, and only with finite weights.

mmcv writes checkpoints in place and removes ``latest.pth`` before it links it anew. A
run that is killed, or a disk that fills up, then leaves half a file or no latest one.
"""

import os
from typing import Any

import torch
from mmcv.runner import save_checkpoint as _save_checkpoint
from torch import nn

from cite.core.files.write_whole import PARTIAL, write_whole
from cite.core.hooks.finite_loss_hook import advice


def save_checkpoint(model: nn.Module, filename: str, **kwargs: Any) -> None:
    """Save a model as mmcv does, whole or not at all.

    Args:
        model: model to save, wrapped for several devices or not.
        filename: path of the checkpoint.
        **kwargs: mmcv's ``optimizer`` and ``meta``.

    Raises:
        OSError: the file cannot be written; earlier checkpoints are whole.
        FloatingPointError: a trained weight is not finite.
    """
    _check_finite(model, filename)
    try:
        with write_whole(filename) as partial:
            _save_checkpoint(model, str(partial), **kwargs)
    except OSError as error:
        raise OSError(
            error.errno,
            f'the checkpoint could not be written ({error.strerror}); earlier '
            'checkpoints are whole. Make room or choose another --work-dir, then '
            'continue with --resume-from',
            filename,
        ) from error


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


def link(target: str, path: str) -> None:
    """Make ``path`` a symbolic link to ``target``, in the place of an earlier link.

    At every moment one of the two, the earlier or the new link, is there.
    """
    partial = f'{path}{PARTIAL}'
    if os.path.lexists(partial):
        os.remove(partial)
    os.symlink(target, partial)
    os.replace(partial, path)
