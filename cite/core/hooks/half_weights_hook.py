from typing import Any

import torch
from mmcv.runner import HOOKS, Hook


@HOOKS.register_module()
class HalfWeightsHook(Hook):
    """Round trained weights to half precision after every step, as the release does.

    The release trains weights that are stored in half precision, with plain SGD: an
    update smaller than half the spacing of numbers (2 ** -11 of the weight) is lost.
    The priority is the optimizer's, so that the hook acts right after the step::

        custom_hooks = [dict(type='HalfWeightsHook', priority='ABOVE_NORMAL')]
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
