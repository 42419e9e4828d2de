"""Pretrained weights that training does not change and a checkpoint may omit."""

import hashlib
from collections.abc import Iterator
from typing import Any, TypeVar

import torch
from mmcv.runner import BaseModule
from torch import Tensor, nn

DIGEST_KEY = 'frozen_digest'
# The only weight of the pseudo-checkpoint `none` (core/files/checkpoint_loader.py).
NO_CHECKPOINT_KEY = 'no_checkpoint'


def has_known_source(backbone: nn.Module) -> bool:
    """Tell whether the frozen weights can be read again from their file or hub.

    Weights drawn at random cannot, and stay in the checkpoint.

    Args:
        backbone: backbone with an ``init_cfg`` or a ``weights_source``, or neither.
    """
    init_cfg = getattr(backbone, 'init_cfg', None)
    if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
        return True
    return getattr(backbone, 'weights_source', None) is not None


def frozen_state(backbone: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield the names and tensors of a backbone's frozen state.

    These are all parameters without gradient, and the buffers (running statistics) of
    inner modules without a trained parameter, but not the backbone's own buffers.
    A backbone with a method ``saved_name`` has other names in its state dict, and is
    taken to have the modules that these names tell of.
    """
    saved_name = getattr(backbone, 'saved_name', str)
    named = backbone.named_parameters()
    trained = [saved_name(name) for name, p in named if p.requires_grad]
    for prefix, module in backbone.named_modules():
        dot = prefix + '.' if prefix else ''
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                yield saved_name(dot + name), parameter
        for name, buffer in module.named_buffers(recurse=False):
            saved = saved_name(dot + name)
            owner = saved[: saved.rfind('.') + 1]
            if prefix and not any(other.startswith(owner) for other in trained):
                yield saved, buffer


def frozen_digest(backbone: nn.Module) -> Tensor:
    """Digest a backbone's frozen state: SHA-256 over names, shapes and fp32 values.

    The digest does not depend on the device, nor on adapters, nor on whether weights
    published in half precision are kept in half or in single precision.

    Returns:
        (32,) uint8 tensor on the CPU.
    """
    sha = hashlib.sha256()
    # peft renames the weights that it adapts, but does not change them.
    named = ((n.replace('.base_layer.', '.'), t) for n, t in frozen_state(backbone))
    for name, tensor in sorted(named, key=lambda item: item[0]):
        sha.update(f'{name}{tuple(tensor.shape)}'.encode())
        values = tensor.detach().to('cpu', torch.float32).contiguous()
        sha.update(values.numpy().data)
    return torch.frombuffer(bytearray(sha.digest()), dtype=torch.uint8)


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
