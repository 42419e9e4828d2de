"""What an interrupted run cannot resume exactly, and how to avoid it."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from mmcv.runner import (
    BaseRunner,
    CheckpointHook,
    EvalHook,
    GradientCumulativeOptimizerHook,
)
from torch.utils.data import DataLoader

from cite.core.files.budget import MOST_DEPTH
from cite.core.messages import first_line
from cite.core.seeding import SEEDINGS

from .optimizer_state import check_state

# Settings that tell optimizers apart; the others change with torch's version.
_HALLMARKS = {'momentum', 'dampening', 'betas', 'alpha', 'rho', 'lr_decay', 'etas'}
Meta = dict[str, Any]  # the notes of a checkpoint
_REMEDY = 'Start a new run from its weights with load_from.'
_LOSS = 'will not end in the weights of an unbroken one'


def warn_of_start(runner: BaseRunner, epoch_iters: int) -> None:
    """Warn, when a run starts, of what its checkpoints will lack or this one lacked."""
    for text in _sums_of_gradients(runner, epoch_iters):
        runner.logger.warning(text)
    hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    if _has_state(runner.optimizer) and not all(hook.save_optimizer for hook in hooks):
        runner.logger.warning(
            'checkpoint_config.save_optimizer=False: a run that resumes from such a '
            f'checkpoint {_LOSS}, because the state of its optimizer is lost. Delete '
            'the key if this run may have to be resumed.'
        )


def warn_of_optimizer(runner: BaseRunner, checkpoint: str) -> None:
    """Warn that a checkpoint has no state for this run's optimizer."""
    if _has_state(runner.optimizer):
        runner.logger.warning(
            f'{checkpoint} has no optimizer state, so this run {_LOSS}: momentum '
            'and averages of gradients start from zero. Write checkpoints with '
            'checkpoint_config.save_optimizer=True.'
        )


def check_meta(checkpoint: str, meta: Any) -> Meta:
    """Return the notes of a checkpoint.

    Raises:
        ValueError: there are none, or no run has written such notes.
    """
    if not isinstance(meta, dict) or 'iter' not in meta:
        raise ValueError(
            f'{checkpoint} does not say at which iteration it was written, so no '
            f'run can be resumed from it. {_REMEDY}'
        )
    meta = {'epoch': 0, **meta}
    for key in ('iter', 'epoch', 'seed'):
        value = meta.get(key)
        wrong = type(value) is not int or value < 0
        if wrong and not (key == 'seed' and value is None):
            raise ValueError(
                f'{checkpoint}: its meta has {key}={value!r}, not a count. {_REMEDY}'
            )
    if meta.setdefault('seeding', SEEDINGS[0]) not in SEEDINGS:
        raise ValueError(
            f'{checkpoint}: its run drew images by seeding={meta["seeding"]!r}, which '
            f'this version does not know. {_REMEDY}'
        )
    messages = meta.get('hook_msgs', {})
    best = messages.get('best_score', 0) if isinstance(messages, dict) else None
    if not _is_plain(messages) or not isinstance(best, (int, float, np.number)):
        raise ValueError(
            f'{checkpoint}: its hook_msgs hold values that no run writes. {_REMEDY}'
        )
    return meta


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Tell whether a value consists of numbers, strings, lists and dicts only."""
    if depth > MOST_DEPTH:
        return False
    if isinstance(value, dict):
        items = value.items()
        return all(isinstance(k, str) and _is_plain(v, depth + 1) for k, v in items)
    if isinstance(value, list):
        return all(_is_plain(item, depth + 1) for item in value)
    return value is None or isinstance(value, (str, int, float, np.number))


def load_optimizer(optimizer: Any, state: Any, checkpoint: str) -> None:
    """Load the state of an optimizer, or of a dict of them.

    Raises:
        ValueError: it is the state of another kind of optimizer, or of other
            parameters; the message names the checkpoint.
    """
    if isinstance(optimizer, dict):
        states = state if isinstance(state, dict) else {}
        for name, part in optimizer.items():
            load_optimizer(part, states.get(name), checkpoint)
        return
    current = optimizer.state_dict()['param_groups']
    saved = state.get('param_groups') if isinstance(state, dict) else None
    if not isinstance(saved, list) or _outlines(saved) != _outlines(current):
        raise ValueError(
            f'{checkpoint} holds the state of another optimizer than '
            f"{type(optimizer).__name__} of this config's parameters. Continue with "
            'the optimizer that it was written with, or start a new run from its '
            'weights with load_from.'
        )
    try:
        check_state(optimizer, state)
        optimizer.load_state_dict(state)
    # Each class of optimizers unpacks its state in its own way.
    except Exception as error:
        raise ValueError(
            f'{checkpoint}: the state of its optimizer is damaged, or of other '
            f'parameters ({first_line(error)[:200]}). {_REMEDY}'
        ) from error


def _outlines(groups: list[Any]) -> list[Any]:
    """Return hallmarks and number of parameters of each group; None if malformed."""
    return [
        (_HALLMARKS & {*group}, len(group['params']))
        if isinstance(group, dict) and isinstance(group.get('params'), list)
        else None
        for group in groups
    ]


def warn_of_order(runner: BaseRunner, data_loaders: Sequence[DataLoader]) -> None:
    """Warn of a data set whose order of images a run cannot resume."""
    for loader in data_loaders:
        if not hasattr(loader.sampler, 'reseed'):
            runner.logger.warning(
                f'{type(loader.dataset).__name__} is drawn by mmcls, in an order that '
                f'cannot be resumed: a run that is interrupted {_LOSS}, and '
                'patch_balance or slide_balance of a data set within it has no effect. '
                'Give data.train as one data set of this package.'
            )


def settle_seeding(runner: BaseRunner, data_loaders: Sequence[DataLoader]) -> None:
    """Let data sets draw as those of the run that is resumed, and note how they do."""
    resumed = runner.meta.get('seeding')
    datasets: list[Any] = [loader.dataset for loader in data_loaders]
    for dataset in datasets:
        if getattr(dataset, 'seeding', None) is None:
            continue
        runner.meta.setdefault('seeding', dataset.seeding)
        if dataset.seeding != (resumed or dataset.seeding):
            runner.logger.info(
                f"images are augmented as in the resumed run: seeding='{resumed}'"
            )
            dataset.seeding = resumed


def _sums_of_gradients(runner: BaseRunner, epoch_iters: int) -> Iterator[str]:
    for hook in runner.hooks:
        if not isinstance(hook, GradientCumulativeOptimizerHook):
            continue
        n = hook.cumulative_iters
        if runner.iter % n:
            yield (
                f'resumed after iteration {runner.iter}, in the middle of a sum of '
                f'gradients (optimizer_config.cumulative_iters={n}) that no checkpoint '
                f'holds: this run {_LOSS}. Resume from the checkpoint of a multiple of '
                f'{n} instead.'
            )
        for setting, iters in _saving_intervals(runner, epoch_iters):
            if iters % n:
                yield (
                    f'{setting} is not a multiple of '
                    f'optimizer_config.cumulative_iters={n}: a checkpoint does not '
                    'hold gradients that are being summed, so a run that resumes from '
                    f'one in the middle of a sum {_LOSS}. Make it a multiple of {n}.'
                )


def _saving_intervals(
    runner: BaseRunner, epoch_iters: int
) -> Iterator[tuple[str, int]]:
    """Yield settings that write checkpoints, with their interval in iterations."""
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and hook.interval > 0:
            key = 'checkpoint_config.interval'
        elif isinstance(hook, EvalHook) and hook.save_best:
            key = 'evaluation.interval'
        else:
            continue
        iters = hook.interval * (epoch_iters if hook.by_epoch else 1)
        in_iters = f' ({iters} iterations)' if hook.by_epoch else ''
        yield f'{key}={hook.interval}{in_iters}', iters


def _has_state(optimizer: Any) -> bool:
    """Tell whether an optimizer keeps a state between two steps."""
    if isinstance(optimizer, dict):
        return any(map(_has_state, optimizer.values()))
    plain = isinstance(optimizer, torch.optim.SGD)
    return not plain or any(group['momentum'] for group in optimizer.param_groups)
