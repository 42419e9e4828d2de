"""DINOv2's gated network with the two layers that transformers 4 gives it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_PARTS = ('gate_proj', 'up_proj', 'down_proj')


class JoinedGate(nn.Module):
    """SwiGLU whose gate and value are one layer, as in transformers 4 and in DINOv2.

    transformers 5 splits them into two, whose names and shapes its predecessor's
    checkpoints do not have.

    Source: Shazeer, *GLU Variants Improve Transformer*, 2020, arXiv:2002.05202.

    Args:
        split: transformers 5's module, with ``gate_proj``, ``up_proj``, ``down_proj``.
    """

    def __init__(self, split: nn.Module) -> None:
        super().__init__()
        gate, value, out = (getattr(split, name) for name in _PARTS)
        width = gate.out_features + value.out_features
        self.weights_in = nn.Linear(gate.in_features, width, bias=True)
        with torch.no_grad():
            self.weights_in.weight.copy_(torch.cat([gate.weight, value.weight]))
            self.weights_in.bias.copy_(torch.cat([gate.bias, value.bias]))
        self.weights_out = out

    def forward(self, x: Tensor) -> Tensor:
        """Compute (…, D) from (…, D)."""
        gate, value = self.weights_in(x).chunk(2, dim=-1)
        return self.weights_out(F.silu(gate) * value)


def join_gates(model: nn.Module) -> None:
    """Replace the gated networks of a DINOv2 of transformers 5, in place."""
    for module in [*model.modules()]:
        for name, child in [*module.named_children()]:
            if 'Dinov2' in type(child).__name__ and _is_split(child):
                setattr(module, name, JoinedGate(child))


def _is_split(module: nn.Module) -> bool:
    return all(isinstance(getattr(module, part, None), nn.Linear) for part in _PARTS)
