"""Frozen parts of a backbone: no gradients, and always in eval mode."""

from typing import Any, TypeVar

from mmcv.runner import BaseModule
from torch import nn

Module = TypeVar('Module', bound=nn.Module)


def freeze(module: Module) -> Module:
    """Turn off a module's gradients and put it into eval mode; returns the module."""
    module.requires_grad_(False)
    module.eval()
    return module


class FreezingMixin(BaseModule):
    """Keep the children of a fixed backbone in eval mode; a mix-in.

    ``backbone.training`` itself follows :meth:`train`, since prompts are trained. With
    ``fix = False`` this is an ordinary module.
    """

    fix: bool = False

    def train(self, mode: bool = True) -> Any:
        """Set the mode; frozen children stay in eval mode."""
        super().train(mode)
        if self.fix:
            for child in self.children():
                child.eval()
        return self
