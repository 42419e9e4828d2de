"""What a run that is cut cannot go on with bit for bit, and the remedy."""

from collections.abc import Iterator
from typing import Any

import torch
from mmcv.runner import (
    BaseRunner,
    CheckpointHook,
    EvalHook,
    GradientCumulativeOptimizerHook,
)

_LOSS = 'will not end in the weights of one that was never cut'


def warn_of_start(runner: BaseRunner) -> None:
    """Say, when a run starts, what its checkpoints will lack or this one has lacked."""
    for text in (*_sums_of_gradients(runner), *_no_optimizer(runner)):
        runner.logger.warning(text)


def warn_of_optimizer(runner: BaseRunner, checkpoint: str) -> None:
    """Say that a checkpoint to go on from has no state for this run's optimizer."""
    if _has_state(runner.optimizer):
        runner.logger.warning(
            f"{checkpoint} holds no optimizer's state, so this run {_LOSS}: momentum "
            'and averages of gradients start anew. Write checkpoints with '
            'checkpoint_config.save_optimizer=True.'
        )


def _sums_of_gradients(runner: BaseRunner) -> Iterator[str]:
    for hook in runner.hooks:
        if not isinstance(hook, GradientCumulativeOptimizerHook):
            continue
        n = hook.cumulative_iters
        if runner.iter % n:
            yield (
                f'resumed after iteration {runner.iter}, in the middle of a sum of '
                f'gradients (optimizer_config.cumulative_iters={n}) that no checkpoint '
                f'holds: this run {_LOSS}. Go on from the checkpoint of a multiple of '
                f'{n} instead.'
            )
        for key, interval in _saving_intervals(runner):
            if interval % n:
                yield (
                    f'{key}={interval} is no multiple of '
                    f'optimizer_config.cumulative_iters={n}: a checkpoint does not '
                    'hold gradients that are being summed, so a run that goes on from '
                    f'one in the middle of a sum {_LOSS}. Make it a multiple of {n}.'
                )


def _saving_intervals(runner: BaseRunner) -> Iterator[tuple[str, int]]:
    """Yield what is said of every how many iterations a checkpoint is written."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and not hook.by_epoch and hook.interval > 0:
            yield 'checkpoint_config.interval', hook.interval
        if isinstance(hook, EvalHook) and not hook.by_epoch and hook.save_best:
            yield 'evaluation.interval', hook.interval


def _no_optimizer(runner: BaseRunner) -> Iterator[str]:
    hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    if _has_state(runner.optimizer) and not all(hook.save_optimizer for hook in hooks):
        yield (
            'checkpoint_config.save_optimizer=False: a run that goes on from such a '
            f'checkpoint {_LOSS}, since the state of its optimizer starts anew. Take '
            'the key out if this run may have to be resumed.'
        )


def _has_state(optimizer: Any) -> bool:
    """Tell whether an optimizer keeps more than its settings between two steps."""
    if isinstance(optimizer, dict):
        return any(map(_has_state, optimizer.values()))
    plain = isinstance(optimizer, torch.optim.SGD)
    return not plain or any(group['momentum'] for group in optimizer.param_groups)
