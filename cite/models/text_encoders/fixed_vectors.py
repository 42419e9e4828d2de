from collections.abc import Sequence
from typing import Any

import torch
from mmcls.models.builder import MODELS
from torch import Tensor

from .base_text_encoder import BaseTextEncoder


@MODELS.register_module()
class FixedVectors(BaseTextEncoder):
    """Class vectors that were made elsewhere, in the order of the texts.

    Example::

        text_encoder=dict(type='FixedVectors', vectors=[[1.0, 0.0], [0.6, 0.8]])

    Args:
        vectors: one vector of width D for each of the K texts.

    Raises:
        ValueError: vectors of different widths, or none; when encoding, another number
            of texts.
    """

    def __init__(self, vectors: Sequence[Sequence[float]]) -> None:
        if len({len(vector) for vector in vectors}) != 1 or not len(vectors[0]):
            raise ValueError(
                'model.head.text_encoder.vectors: give one vector for each text, all '
                'of one width.'
            )
        self.vectors = torch.tensor([[*vector] for vector in vectors]).float()

    def compute(self, texts: list[str]) -> dict[str, Tensor]:
        """Return the vectors, (K, D)."""
        if len(texts) != len(self.vectors):
            raise ValueError(
                f'model.head.text_encoder.vectors holds {len(self.vectors)} vectors '
                f'for {len(texts)} texts; give as many.'
            )
        return {'text_embeddings': self.vectors.clone()}

    def width(self) -> int:
        """Return D."""
        return self.vectors.shape[1]

    def cache_identity(self) -> None:
        """Return None: there is nothing to compute."""

    def source(self) -> dict[str, Any]:
        """Describe the vectors, for a checkpoint."""
        return {'encoder': 'FixedVectors', 'vectors': self.vectors.tolist()}
