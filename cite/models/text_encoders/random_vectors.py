from typing import Any

import torch
from mmcls.models.builder import MODELS
from torch import Tensor

from .base_text_encoder import BaseTextEncoder


@MODELS.register_module()
class RandomVectors(BaseTextEncoder):
    """Random class vectors that ignore the texts: the control of text guidance.

    Example::

        text_encoder=dict(type='RandomVectors', width=1024, seed=0)

    Args:
        width: width D of the language model that it replaces.
        seed: seed of the vectors.

    Raises:
        ValueError: a width below 1.
    """

    def __init__(self, width: int, seed: int = 0) -> None:
        if width < 1:
            raise ValueError(f'model.head.text_encoder.width={width}; give 1 or more.')
        self._width = width
        self.seed = seed

    def compute(self, texts: list[str]) -> dict[str, Tensor]:
        """Draw K vectors from a normal distribution, (K, D)."""
        generator = torch.Generator().manual_seed(self.seed)
        return {
            'text_embeddings': torch.randn(len(texts), self._width, generator=generator)
        }

    def width(self) -> int:
        """Return D."""
        return self._width

    def cache_identity(self) -> None:
        """Return None: drawing is cheaper than reading."""

    def source(self) -> dict[str, Any]:
        """Describe width and seed, for a checkpoint."""
        return {'encoder': 'RandomVectors', 'width': self._width, 'seed': self.seed}
