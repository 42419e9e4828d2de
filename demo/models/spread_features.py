import torch
from clip.model import VisionTransformer
from torch import Tensor, nn

from cite.core.image_stats import OPENAI_CLIP

from .dead_leaves import dead_leaves

_PICTURES = 512
# Directions with less than this share of the variance are not scaled up fully.
_FLOOR = 1e-4


@torch.no_grad()
def spread_features(visual: VisionTransformer, seed: int = 0) -> None:
    """Make the features of a random image tower spread equally in all directions.

    Random weights map images to features in nearly one direction (unrelated pictures:
    median cosine 0.8), which makes training a linear layer slow. The features of
    pictures unrelated to any data set, :func:`.dead_leaves.dead_leaves`, are centred
    by the last norm's bias and whitened by the projection. No other weight changes.

    Args:
        visual: CLIP's image tower; changed in place.
        seed: seed of the pictures and of the random rotation after whitening.
    """
    size = visual.input_resolution
    clip = (OPENAI_CLIP.mean, OPENAI_CLIP.std)
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in clip)
    images = (dead_leaves(_PICTURES, size, seed) - mean) / std
    projection, visual.proj = visual.proj, None
    features = torch.cat([visual(batch) for batch in images.split(64)])  # (N, D)
    visual.ln_post.bias -= features.mean(0)
    nn.init.orthogonal_(projection)
    projection.copy_(_whitening(features) @ projection)
    visual.proj = projection


def _whitening(features: Tensor) -> Tensor:
    """Return the symmetric matrix (D, D) that makes the variance of (N, D) equal."""
    variance, axes = torch.linalg.eigh(torch.cov(features.T.double()))
    variance = variance.clamp(min=0) + _FLOOR * variance.sum()
    return ((axes * variance.rsqrt()) @ axes.T).float()
