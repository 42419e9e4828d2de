from pathlib import Path
from typing import Union

import torch
from clip.model import CLIP

from .spread_features import spread_features

# Of CLIP's own tokenizer, which the text tower has to take.
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
        path: the file to write.
        seed: of the weights.
        embed_dim: width of the image and text embeddings.
        width: of the image tower; a multiple of 64.
        layers: depth of the image tower; of four stages it is a ResNet.
        vision_patch: edge of a patch token, pixels.
        image_size: what the position embedding is for, pixels.
        spread: see :func:`.spread_features.spread_features`. Without it the features
            of all images are nearly parallel, as random weights have it.

    Returns:
        ``path``, for ``backbone=dict(arch=path)``.

    Raises:
        ValueError: a width that heads of 64 do not fill.
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
