from pathlib import Path
from typing import Union

import torch
from clip.model import CLIP

from .spread_features import spread_features

# Context and vocabulary of CLIP's tokenizer, which the text tower must accept.
_CONTEXT, _VOCABULARY = 77, 49408
_HEAD = 64  # CLIP's width of an attention head


def tiny_clip(
    path: Union[str, Path],
    seed: int = 0,
    embed_dim: int = 128,
    width: int = 128,
    layers: Union[int, tuple[int, int, int, int]] = 2,
    vision_patch: int = 16,
    image_size: int = 112,
    spread: bool = False,
) -> Path:
    """Write a CLIP with random weights as a state dict in OpenAI's names.

    Args:
        path: file to write.
        seed: seed of the weights.
        embed_dim: width of the image and text embeddings.
        width: width of the image tower; a multiple of 64.
        layers: depth of the image tower; four numbers make it a ResNet.
        vision_patch: edge of a patch token, pixels.
        image_size: edge of the images that the position embedding fits, pixels.
        spread: apply :func:`.spread_features.spread_features`. Without it the features
            of all images are nearly parallel, because the weights are random.

    Returns:
        ``path``, for ``backbone=dict(arch=path)``.

    Raises:
        ValueError: ``width`` is not a multiple of 64.
    """
    if width % _HEAD:
        raise ValueError(f'width={width}; it must be a multiple of {_HEAD}.')
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIP(
            embed_dim=embed_dim,
            image_resolution=image_size,
            vision_layers=layers,
            vision_width=width,
            vision_patch_size=vision_patch,
            context_length=_CONTEXT,
            vocab_size=_VOCABULARY,
            transformer_width=_HEAD,
            transformer_heads=1,
            transformer_layers=1,
        ).eval()
        if spread:
            spread_features(model.visual, seed)
    torch.save(model.state_dict(), path)
    return path
