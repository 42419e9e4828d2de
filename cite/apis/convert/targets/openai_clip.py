"""OpenAI's CLIP, which our CLIP backbones and head load by ``arch=PATH``."""

import math
from typing import Any

from clip.model import CLIP

from cite.apis.convert.layout import State, Translation
from cite.apis.convert.target import (
    Shapes,
    Target,
    same_names,
    shapes_of,
    without_memory,
)

GRIDS = ('visual.positional_embedding', 'visual.attnpool.positional_embedding')
TEXT = (
    'positional_embedding',
    'token_embedding.weight',
    'text_projection',
    'ln_final.weight',
)


def arguments_of(state: State) -> dict[str, Any]:
    """Read the arguments of CLIP's constructor off a state dict's shapes.

    Raises:
        ValueError: tensors that every CLIP has are missing, or the widths are none of
            OpenAI's, who give 64 channels to every attention head.
    """
    missing = [n for n in ('visual.conv1.weight', *TEXT) if n not in state]
    if not any(name in state for name in GRIDS):
        missing.append(GRIDS[0])
    if missing:
        raise ValueError(f'it is no CLIP: there is no {" and no ".join(missing)}.')
    width = state['ln_final.weight'].shape[0]
    vision = _resnet(state) if GRIDS[1] in state else _vit(state)
    _check_width(width)
    return {
        'embed_dim': state['text_projection'].shape[1],
        **vision,
        'context_length': state['positional_embedding'].shape[0],
        'vocab_size': state['token_embedding.weight'].shape[0],
        'transformer_width': width,
        'transformer_heads': width // 64,
        'transformer_layers': _count(state, 'transformer.resblocks.'),
    }


def _vit(state: State) -> dict[str, Any]:
    width, _, patch, _ = state['visual.conv1.weight'].shape
    _check_width(width)
    return {
        'image_resolution': patch * _side(state[GRIDS[0]].shape[0]),
        'vision_layers': _count(state, 'visual.transformer.resblocks.'),
        'vision_width': width,
        'vision_patch_size': patch,
    }


def _resnet(state: State) -> dict[str, Any]:
    return {
        # A ResNet's last map is 1/32 of the image; its stem is half its width.
        'image_resolution': 32 * _side(state[GRIDS[1]].shape[0]),
        'vision_layers': tuple(_count(state, f'visual.layer{i}.') for i in range(1, 5)),
        'vision_width': 2 * state['visual.conv1.weight'].shape[0],
        'vision_patch_size': None,
    }


def _check_width(width: int) -> None:
    if width % 64:
        raise ValueError(
            f'one of its towers is {width} wide, which is no multiple of the 64 '
            'channels that a head of CLIP has.'
        )


def _side(tokens: int) -> int:
    side = math.isqrt(tokens - 1)
    if side * side != tokens - 1:
        raise ValueError(
            f'its position embedding has {tokens} tokens, which is not one class token '
            'and a square of patches.'
        )
    return side


def _count(state: State, prefix: str) -> int:
    return len({n[len(prefix) :].split('.')[0] for n in state if n.startswith(prefix)})


def shapes(state: State) -> Shapes:
    with without_memory():
        return shapes_of(CLIP(**arguments_of(state)))


def config_of(state: State, source: Translation) -> tuple[dict[str, Any], list[str]]:
    """Return the backbone config; the backbone reads its sizes from the file."""
    return {'type': 'CLIPImageBackbone'}, []


OPENAI_CLIP = Target(
    "OpenAI's CLIP", 'clip', False, same_names, shapes, config_of, 'arch'
)
