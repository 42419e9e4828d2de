"""A run's folder: whole checkpoints, the one to resume from, and what a kill left.

mmcv writes checkpoints in place and removes ``latest.pth`` before it links it anew. A
run that is killed, or a disk that fills up, then leaves half a file or no latest one.
"""

import glob
import os
import os.path as osp
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

import torch
from mmcv.runner import BaseRunner
from mmcv.runner import save_checkpoint as _save_checkpoint
from torch import nn

from cite.core.files.write_whole import PARTIAL, write_whole
from cite.core.hooks.loss_hooks import advice

_NUMBERED = re.compile(r'(?:iter|epoch)_(\d+)\.pth')
# The folder in which mmcls' ranks exchange results of an evaluation; mmcls refuses one
# that exists already.
_EXCHANGE = '.eval_hook'


def save_checkpoint(model: nn.Module, filename: str, **kwargs: Any) -> None:
    """Save a model as mmcv does, whole or not at all; the arguments are mmcv's.

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
            f'{advice(osp.dirname(filename))}'
        )


def link(target: str, path: str) -> None:
    """Make ``path`` a symbolic link to ``target``; an earlier link is never missing."""
    partial = f'{path}{PARTIAL}'
    if osp.lexists(partial):
        os.remove(partial)
    os.symlink(target, partial)
    os.replace(partial, path)


def latest_checkpoint(folder: str) -> Optional[str]:
    """Return the checkpoint to resume from, or None if there is none.

    It is the one that ``latest.pth`` links to. A run killed between its first
    checkpoint and that link has no link: then it is the highest iteration or epoch.
    """
    latest = osp.join(folder, 'latest.pth')
    if osp.exists(latest):
        return latest
    numbered = {}
    for path in glob.glob(osp.join(glob.escape(folder), '*.pth')):
        match = _NUMBERED.fullmatch(osp.basename(path))
        if match:
            numbered[int(match[1])] = path
    return numbered[max(numbered)] if numbered else None


def remove_leftovers(folder: str) -> list[str]:
    """Remove the half-written files of a killed run, and return their names."""
    paths = glob.glob(osp.join(glob.escape(folder), f'*.pth*{PARTIAL}'))
    for path in paths:
        os.remove(path)
    exchange = osp.join(folder, _EXCHANGE)
    if osp.isdir(exchange):
        shutil.rmtree(exchange)
        paths.append(exchange)
    return [osp.basename(path) for path in paths]


_INTERRUPTED = 130  # the exit code of a shell's command after Ctrl-C


@contextmanager
def saying_how_to_go_on(runner: BaseRunner, folder: str) -> Iterator[None]:
    """End a run that Ctrl-C stops with a sentence instead of a traceback.

    Args:
        runner: the run.
        folder: where its checkpoints go.

    Raises:
        SystemExit: after Ctrl-C, with the code 130.
    """
    try:
        yield
    except KeyboardInterrupt:
        runner.logger.info(_what_is_left(runner.iter, latest_checkpoint(folder)))
        raise SystemExit(_INTERRUPTED) from None


def _what_is_left(iteration: int, checkpoint: Optional[str]) -> str:
    stopped = f'interrupted in iteration {iteration + 1}'
    if checkpoint is None:
        return (
            f'{stopped}. Nothing is saved yet: a smaller checkpoint_config.interval '
            'leaves something to go on from.'
        )
    return (
        f'{stopped}. Saved: {osp.realpath(checkpoint)}. To go on from there, give the '
        'same command with --auto-resume (mim: --cfg-options auto_resume=True).'
    )
