"""Cosine similarity between image features and text embeddings."""

import math
from typing import Union

from torch import Tensor

from cite.models.half_precision import full_precision

# Shorter vectors have no meaningful direction.
_SHORTEST = 1e-8


def cosine_logits(
    features: Tensor,
    embeddings: Tensor,
    scale: Union[float, Tensor],
    half: bool = False,
) -> Tensor:
    """Compute ``scale * cos(feature, embedding)`` in fp32, under any autocast.

    Source: Zhang et al., MICCAI 2023, arXiv:2307.14901, section 2.

    Args:
        features: image features (N, D), of any precision.
        embeddings: text embeddings (K, D).
        scale: factor of the cosine.
        half: multiply the unit vectors in fp16 (on a GPU).

    Returns:
        logits (N, K), fp32. A feature of length zero gets zeros, and no gradient.
    """
    with full_precision(features.device):
        x = _unit(features.float())  # (N, D)
        w = _unit(embeddings.float())  # (K, D)
        cosine = (x.half() @ w.half().t()).float() if half else x @ w.t()  # (N, K)
        return scale * cosine


def _unit(x: Tensor) -> Tensor:
    norm = x.norm(dim=-1, keepdim=True)
    return x / norm.masked_fill(norm < _SHORTEST, math.inf)
