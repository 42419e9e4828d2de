"""mmcls' VisionTransformer, which our prompted and frozen ViTs share."""

import math
from typing import Any

from mmcls.models import VisionTransformer

from cite.apis.convert.names import rename
from cite.apis.convert.target import Shapes, Target, shapes_of, without_memory
from cite.apis.convert.translation import State, Translation

RULES = [
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^blocks\.', 'layers.'),
    # mmcls calls its final norm as the first one of a block.
    (r'^norm\.', 'ln1.'),
    (r'\.norm(\d)\.', r'.ln\1.'),
    (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
]
PATCH = 'patch_embed.projection.weight'
FFN = 'layers.0.ffn.layers.0.0.weight'
# Attention heads of the published ViT-Ti, -S, -B, -L and -H by their width.
USUAL_HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}


def to_mmcls(state: State) -> State:
    """Bring timm's names to mmcls'.

    Raises:
        ValueError: the model pools before its final norm, which mmcls' cannot.
    """
    if 'fc_norm.weight' in state and 'norm.weight' not in state:
        raise ValueError(
            'the model was fine-tuned with average pooling (fc_norm in place of norm), '
            "which mmcls' VisionTransformer does not have: convert the pre-trained "
            'checkpoint that it started from.'
        )
    return rename(state, RULES)


def arch_of(state: State) -> dict[str, Any]:
    """Read the arguments of mmcls' VisionTransformer off a state dict's shapes.

    Heads leave no trace in the shapes; the number is left to :func:`config_of`.

    Raises:
        ValueError: tensors that every plain ViT has are missing, or the position
            embedding is not that of a class token and a square.
    """
    missing = [n for n in ('cls_token', 'pos_embed', PATCH, FFN) if n not in state]
    if missing:
        raise ValueError(f'it is no plain ViT: there is no {" and no ".join(missing)}.')
    tokens, width = state['pos_embed'].shape[-2:]
    side = math.isqrt(tokens - 1)
    if side * side != tokens - 1:
        raise ValueError(
            f'its position embedding has {tokens} tokens, which is not one class token '
            'and a square of patches.'
        )
    _, channels, *patch = state[PATCH].shape
    blocks = [int(n.split('.')[1]) for n in state if n.startswith('layers.')]
    return {
        'arch': {
            'embed_dims': width,
            'num_layers': max(blocks) + 1,
            'num_heads': 1,
            'feedforward_channels': state[FFN].shape[0],
        },
        'img_size': side * patch[0],
        'patch_size': patch[0],
        'in_channels': channels,
        'qkv_bias': 'layers.0.attn.qkv.bias' in state,
    }


def shapes(state: State) -> Shapes:
    with without_memory():
        return shapes_of(VisionTransformer(**arch_of(state)))


def config_of(state: State, source: Translation) -> tuple[dict[str, Any], list[str]]:
    """Return the backbone config, and a note where its heads are a guess."""
    arguments = arch_of(state)
    width = arguments['arch']['embed_dims']
    usual = USUAL_HEADS.get(width, max(width // 64, 1))
    arguments['arch']['num_heads'] = source.num_heads or usual
    for name, default in (('in_channels', 3), ('qkv_bias', True)):
        if arguments[name] == default:
            del arguments[name]
    if source.norm_eps != 1e-6:
        arguments['norm_cfg'] = {'type': 'LN', 'eps': source.norm_eps}
    note = (
        f'The file does not say its number of attention heads: {usual} is usual for '
        'this width.'
    )
    notes = [] if source.num_heads else [note]
    return {'type': 'VisionTransformer', **arguments}, notes


MMCLS_VIT = Target("mmcls' VisionTransformer", 'vit', True, to_mmcls, shapes, config_of)
