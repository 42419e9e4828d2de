import math
import os.path as osp
from typing import Any, Optional

import torch
from mmcv.runner import HOOKS, CheckpointHook, Hook
from torch import Tensor, distributed

_CAUSES = (
    'Usual causes: a learning rate that is too high (optimizer.lr, warm-up), half '
    "precision (try model.precision='fp32'), a temperature that grew "
    '(model.head.learnable_t), or images, features or weights that hold nan.'
)


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """Stop a run whose loss is not finite, before the optimizer's step.

    A loss that is already a number is looked at in every iteration. One that is still a
    tensor is noted where it lies, and looked at every ``interval`` iterations, so that
    no GPU waits for it; weights that are not finite are never written, see
    ``cite/core/runners/whole_checkpoint.py``.

    Args:
        interval: in iterations.

    Raises:
        FloatingPointError: with the iteration, the last checkpoint and usual causes.
    """

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self._first: Optional[Tensor] = None  # () first iteration at fault, or inf

    def after_train_iter(self, runner: Any) -> None:
        loss = runner.outputs.get('log_vars', {}).get('loss')
        if loss is None:
            loss = runner.outputs['loss']
        if not isinstance(loss, Tensor):
            # mmcls has averaged it over the ranks: they all stop here.
            if not math.isfinite(loss):
                raise FloatingPointError(message(runner, runner.iter + 1))
            return
        noted = self._note(loss.detach(), runner.iter + 1)
        if self.every_n_iters(runner, self.interval) or self.is_last_iter(runner):
            self._look(runner, noted)

    def _note(self, loss: Tensor, iteration: int) -> Tensor:
        if self._first is None:
            self._first = loss.new_full((), math.inf, dtype=torch.float64)
        fault = torch.where(loss.isfinite().all(), math.inf, float(iteration))
        self._first = torch.minimum(self._first, fault)
        return self._first

    def _look(self, runner: Any, noted: Tensor) -> None:
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(noted, distributed.ReduceOp.MIN)
        first = float(noted)
        if math.isfinite(first):
            raise FloatingPointError(message(runner, int(first)))


def message(runner: Any, iteration: int) -> str:
    """Say at which iteration a loss was not finite, and what to do."""
    # `out_dir` is settled when the run starts; work_dir by default.
    folders = [
        hook.out_dir for hook in runner.hooks if isinstance(hook, CheckpointHook)
    ]
    folder = next(filter(None, folders), runner.work_dir)
    return f'the loss is not finite at iteration {iteration}. {advice(folder)}'


def advice(folder: str) -> str:
    """Name the last good checkpoint in a folder, and the usual causes."""
    latest = osp.join(folder, 'latest.pth')
    if osp.exists(latest):
        path = osp.join(folder, osp.basename(osp.realpath(latest)))
        kept = f'The last checkpoint is whole and holds finite weights: {path}.'
    else:
        kept = 'No checkpoint had been written yet.'
    return f'{kept} {_CAUSES}'
