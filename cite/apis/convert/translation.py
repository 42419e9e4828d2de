"""A checkpoint under the names of its family."""

from dataclasses import dataclass, field
from typing import Optional

import torch

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Translation:
    """Tensors under common names, and what else the source tells.

    Args:
        state: tensors by timm's (plain ViT) or OpenAI's (CLIP) names. A tensor whose
            name the layout does not know keeps it, and the target will refuse it.
        dropped: names of tensors that no backbone has: heads, decoders, teachers.
        num_heads: attention heads, where the source tells.
        norm_eps: epsilon of the layer norms.
        notes: sentences for the user.
    """

    state: State
    dropped: list[str] = field(default_factory=list)
    num_heads: Optional[int] = None
    norm_eps: float = 1e-6
    notes: list[str] = field(default_factory=list)
