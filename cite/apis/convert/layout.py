"""What the converter knows about one kind of published checkpoint."""

from dataclasses import dataclass
from typing import Callable, Optional

from cite.core.image_stats import ImageStats

from .checkpoint import Checkpoint
from .translation import Translation


@dataclass(frozen=True)
class Layout:
    """One way in which a checkpoint names and wraps its tensors.

    Args:
        name: what the user reads.
        family: ``'vit'``: :attr:`translate` gives timm's names for a plain ViT;
            ``'clip'``: OpenAI's names; else the names of a target of this family.
        looks_like: how to tell such a file, for messages.
        recognises: whether a checkpoint is of this layout.
        translate: brings it to the names of its family.
        stats: how the images of such models are normalised, where all are alike.
        target: key of ``TARGETS`` to write for by default.
    """

    name: str
    family: str
    looks_like: str
    recognises: Callable[[Checkpoint], bool]
    translate: Callable[[Checkpoint], Translation]
    stats: Optional[ImageStats] = None
    target: Optional[str] = None
