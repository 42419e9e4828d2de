import json
import math
import os.path as osp
from typing import Any, Optional

import torch
from mmcv.runner import HOOKS, CheckpointHook, Hook
from torch import Tensor, distributed

from cite.core.files.write_whole import write_text_whole

_CAUSES = (
    'Usual causes: a learning rate that is too high (optimizer.lr, warm-up), half '
    "precision (try model.precision='fp32'), a temperature that grew "
    '(model.head.learnable_t), or images, features or weights that hold nan.'
)


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop a run whose loss is not finite, before the optimizer's step.

    A loss that is a number is checked in every iteration. One that is a tensor is noted
    on its device and checked every ``interval`` iterations, so that nothing waits for
    the GPU; weights that are not finite are never saved (``cite/core/runners``).
    Training includes this hook; list it to change the interval::

        custom_hooks = [dict(type='FiniteLossHook', interval=50, priority='HIGH')]

    Args:
        interval: iterations between two checks of a tensor.

    Raises:
        FloatingPointError: the loss is not finite; the message names the iteration.
    """

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self._first: Optional[Tensor] = None  # () first iteration at fault, or inf

    def after_train_iter(self, runner: Any) -> None:
        loss = runner.outputs.get('log_vars', {}).get('loss')
        if loss is None:
            loss = runner.outputs['loss']
        if not isinstance(loss, Tensor):
            # mmcls has averaged it over the ranks, so they all stop here.
            if not math.isfinite(loss):
                raise FloatingPointError(message(runner, runner.iter + 1))
            return
        first = self._note(loss.detach(), runner.iter + 1)
        if self.every_n_iters(runner, self.interval) or self.is_last_iter(runner):
            if distributed.is_available() and distributed.is_initialized():
                distributed.all_reduce(first, distributed.ReduceOp.MIN)
            if math.isfinite(first):
                raise FloatingPointError(message(runner, int(first)))

    def _note(self, loss: Tensor, iteration: int) -> Tensor:
        if self._first is None:
            self._first = loss.new_full((), math.inf, dtype=torch.float64)
        fault = torch.where(loss.isfinite().all(), math.inf, float(iteration))
        self._first = torch.minimum(self._first, fault)
        return self._first


def message(runner: Any, iteration: int) -> str:
    """Name the iteration whose loss was not finite, and what to do."""
    # A CheckpointHook sets its `out_dir` when the run starts, by default to work_dir.
    hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
    folder = next((hook.out_dir for hook in hooks if hook.out_dir), runner.work_dir)
    return f'the loss is not finite at iteration {iteration}. {advice(folder)}'


def advice(folder: str) -> str:
    """Name the last checkpoint in a folder, and usual causes of a fault."""
    latest = osp.join(folder, 'latest.pth')
    if not osp.exists(latest):
        return f'No checkpoint had been written yet. {_CAUSES}'
    path = osp.join(folder, osp.basename(osp.realpath(latest)))
    return f'The last checkpoint is whole and holds finite weights: {path}. {_CAUSES}'


@HOOKS.register_module()
class LossHistoryHook(Hook):
    """Write the loss of every iteration into a file at the end of the run.

    Example::

        custom_hooks = [dict(type='LossHistoryHook', file='work_dirs/losses.json')]

    Args:
        file: path of the file: a JSON list of numbers.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._losses: list[Any] = []

    def after_train_iter(self, runner: Any) -> None:
        loss = runner.outputs.get('log_vars', {}).get('loss')
        # A tensor stays on its device until the end, so that nothing waits for it.
        self._losses.append(runner.outputs['loss'].detach() if loss is None else loss)

    def after_run(self, runner: Any) -> None:
        write_text_whole(self.file, json.dumps([float(loss) for loss in self._losses]))
