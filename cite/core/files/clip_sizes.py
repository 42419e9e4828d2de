"""The sizes of an OpenAI CLIP, read off the shapes of its weights.

Both functions return arguments of OpenAI's ``clip.model.CLIP`` and raise a
``ValueError`` if tensors that every CLIP has are missing or have other shapes.
"""

from collections.abc import Mapping, Sequence
from math import isqrt
from typing import Any, NoReturn

from torch import Tensor

State = Mapping[str, Tensor]
VIT_POSITIONS = 'visual.positional_embedding'
RESNET_POSITIONS = 'visual.attnpool.positional_embedding'
_PATCHES = 'visual.conv1.weight'
_EMBEDDINGS = 'positional_embedding', 'token_embedding.weight'
_TEXT = 'text_projection', *_EMBEDDINGS, 'ln_final.weight'
_HEAD = 64  # channels of an attention head, in all of OpenAI's CLIPs


def clip_sizes(state: State, name: object = 'it') -> dict[str, Any]:
    """Return all arguments of CLIP's constructor.

    Args:
        state: state dict of a whole CLIP.
        name: what messages call it.
    """
    image_tower = image_sizes(state, name)
    _require(state, _TEXT, name)
    width = state['ln_final.weight'].shape[0]
    _check_width(width, name)
    return {
        **image_tower,
        'embed_dim': state['text_projection'].shape[1],
        'context_length': state['positional_embedding'].shape[0],
        'vocab_size': state['token_embedding.weight'].shape[0],
        'transformer_width': width,
        'transformer_heads': width // _HEAD,
        'transformer_layers': count_modules(state, 'transformer.resblocks.'),
    }


def image_sizes(state: State, name: object = 'it') -> dict[str, Any]:
    """Return the arguments of CLIP's constructor that the image tower depends on.

    Args:
        state: a state dict with ``visual.*``; the text tower may be missing.
        name: what messages call it.
    """
    _require(state, (_PATCHES,), name)
    if RESNET_POSITIONS in state:
        output = 'visual.attnpool.c_proj.weight'
        _require(state, (output,), name)
        layers = tuple(count_modules(state, f'visual.layer{i}.') for i in range(1, 5))
        return {
            'embed_dim': state[output].shape[0],
            # A ResNet's last map is 1/32 of the image; its stem is half its width.
            'image_resolution': 32 * _grid(state[RESNET_POSITIONS], name),
            'vision_layers': layers,
            'vision_width': 2 * state[_PATCHES].shape[0],
            'vision_patch_size': None,
        }
    _require(state, (VIT_POSITIONS, 'visual.proj'), name)
    width, _, _, patch = state[_PATCHES].shape
    _check_width(width, name)
    return {
        'embed_dim': state['visual.proj'].shape[1],
        'image_resolution': patch * _grid(state[VIT_POSITIONS], name),
        'vision_layers': count_modules(state, 'visual.transformer.resblocks.'),
        'vision_width': width,
        'vision_patch_size': patch,
    }


def _refuse(name: object, why: str) -> NoReturn:
    raise ValueError(f'{name} is not an OpenAI CLIP checkpoint: {why}.')


def _require(state: State, names: Sequence[str], name: object) -> None:
    missing_keys = [key for key in names if key not in state]
    if missing_keys:
        _refuse(name, f'missing {", ".join(missing_keys)}')


def _check_width(width: int, name: object) -> None:
    if width % _HEAD:
        why = f'which is not a multiple of the {_HEAD} channels of a head'
        _refuse(name, f'one of its towers is {width} wide, {why}')


def _grid(positions: Tensor, name: object) -> int:
    """Return the side of the square grid of a position embedding (1 + side**2, D)."""
    side = isqrt(len(positions) - 1)
    if 1 + side * side != len(positions):
        why = 'which are not a class token and a square of patches'
        _refuse(name, f'its position embedding has {len(positions)} tokens, {why}')
    return side


def count_modules(state: State, prefix: str) -> int:
    """Count the numbered modules directly below a prefix."""
    return len({k[len(prefix) :].split('.')[0] for k in state if k.startswith(prefix)})
