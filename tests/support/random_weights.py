"""Seeded random weights that no part of a model can hide behind."""

import torch
from torch import nn


def randomise(module: nn.Module, seed: int) -> nn.Module:
    """Give every parameter random values, so that no two tensors can be confused."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            # Outputs are about as large as inputs, for any width.
            spread = (
                min(0.2, parameter[0].numel() ** -0.5) if parameter.dim() > 1 else 0.2
            )
            parameter.normal_(0, spread, generator=generator)
        for part in module.modules():
            if isinstance(part, (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d)):
                part.weight.add_(1)
    return module.eval()
