"""Ctrl-C in training: what is saved, and how to go on."""

import os.path as osp
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional

from mmcv.runner import BaseRunner

from cite.core.runners.work_dir import latest_checkpoint

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
