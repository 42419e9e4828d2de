from typing import Any

import torch
from mmcv.runner import HOOKS, Hook


@HOOKS.register_module()
class HalfWeightsHook(Hook):
    """Round what is trained to half precision after every step, as the release does.

    The release trains weights that are stored in half precision, with plain SGD: an
    update of less than half the spacing of numbers there (2 ** -11 of the weight) is
    lost. Use it to see what that does to a result, with the optimizer's own priority,
    so that it comes right after the step::

        custom_hooks = [dict(type='HalfWeightsHook', priority='ABOVE_NORMAL')]

    Gradients stay in single precision.
    """

    def before_run(self, runner: Any) -> None:
        self._round(runner)

    def after_train_iter(self, runner: Any) -> None:
        self._round(runner)

    @torch.no_grad()
    def _round(self, runner: Any) -> None:
        for weight in runner.model.parameters():
            if weight.requires_grad:
                weight.copy_(weight.half())
