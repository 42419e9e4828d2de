"""What the converter knows about one kind of published checkpoint."""

from dataclasses import dataclass, field
from typing import Any, Callable, Optional

import torch

from cite.core.image_stats import ImageStats

from .checkpoint import Checkpoint

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Translation:
    """Tensors under the names of their family, and what else the source tells.

    Args:
        state: tensors by timm's (plain ViT) or OpenAI's (CLIP) names. A tensor whose
            name the layout does not know keeps it, and the target will refuse it.
        dropped: names of tensors that backbones do not have: heads, decoders, teachers.
        num_heads: number of attention heads, if the source tells it.
        norm_eps: epsilon of the layer norms.
        notes: sentences for the user.
        options: other arguments of the backbone that the origin's code implies; see
            :mod:`cite.models.backbones.weights_options`.
    """

    state: State
    dropped: list[str] = field(default_factory=list)
    num_heads: Optional[int] = None
    norm_eps: float = 1e-6
    notes: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """One way in which a checkpoint names and wraps its tensors.

    Args:
        name: name for messages and listings.
        family: ``'vit'`` if :attr:`translate` gives timm's names for a plain ViT,
            ``'clip'`` if it gives OpenAI's, else the family of the target that has
            these names.
        looks_like: signs of such a file, for messages.
        recognises: test whether a checkpoint has this layout.
        translate: function that gives the tensors the names of the family, or raises
            ``ValueError`` for a model outside the family.
        stats: normalisation of the images, if it is the same for all such models.
        target: key of ``TARGETS`` to write for by default.
        size: side of the images, if it is not what the positions show.
    """

    name: str
    family: str
    looks_like: str
    recognises: Callable[[Checkpoint], bool]
    translate: Callable[[Checkpoint], Translation]
    stats: Optional[ImageStats] = None
    target: Optional[str] = None
    size: Optional[int] = None
