"""timm's VisionTransformer, which ``TIMMImageBackbone`` builds by its name."""

import math
from typing import Any

from cite.apis.convert.layout import State, Translation
from cite.apis.convert.target import (
    FC1,
    FC2,
    PATCH,
    Target,
    check_plain_vit,
    count_parts,
    note_heads,
    square_side,
)
from cite.models.backbones.timm_models import create

WIDTHS = {192: 'tiny', 384: 'small', 768: 'base', 1024: 'large', 1280: 'huge'}
DEPTHS = {'tiny': 12, 'small': 12, 'base': 12, 'large': 24, 'huge': 32}
# One of timm's plain ViTs: the arguments replace all that the name implies.
ANY = 'vit_base_patch16_224'
DEFAULTS = {
    'mlp_ratio': 4.0,
    'qkv_bias': True,
    'pre_norm': False,
    'init_values': None,
    'reg_tokens': 0,
    'no_embed_class': False,
}


def arguments_of(state: State) -> dict[str, Any]:
    """Read the arguments of timm's VisionTransformer off a state dict's shapes."""
    check_plain_vit(state)
    width, patch = state['cls_token'].shape[-1], state[PATCH].shape[-1]
    hidden, fc2_width = state[FC1].shape[0], state[FC2].shape[1]
    registers = state['reg_token'].shape[1] if 'reg_token' in state else 0
    tokens = state['pos_embed'].shape[1]
    # Either patches alone have positions, or class token and registers have them, too.
    patches_alone = bool(registers) and math.isqrt(tokens) ** 2 == tokens
    arguments: dict[str, Any] = {
        'img_size': patch * square_side(tokens, 0 if patches_alone else 1 + registers),
        'patch_size': patch,
        'embed_dim': width,
        'depth': count_parts(state, 'blocks.'),
        'mlp_ratio': hidden / width,
        'qkv_bias': 'blocks.0.attn.qkv.bias' in state,
        'pre_norm': 'norm_pre.weight' in state,
        'init_values': 1e-5 if 'blocks.0.ls1.gamma' in state else None,
        'reg_tokens': registers,
        'no_embed_class': patches_alone,
    }
    if state[PATCH].shape[1] != 3:
        arguments['in_chans'] = state[PATCH].shape[1]
    if hidden == 2 * fc2_width:
        arguments['mlp_layer'] = 'swiglu'
    return arguments


def build(state: State) -> Any:
    # The shapes are the same for any number of heads.
    return create(ANY, pretrained=False, num_heads=1, **arguments_of(state))


def config_of(state: State, source: Translation) -> tuple[dict[str, Any], list[str]]:
    """Return the backbone config, and a note if its number of heads is a guess.

    A model of usual size gets timm's name and what differs from it; any other gets
    all its sizes.
    """
    arguments = arguments_of(state)
    width, depth = arguments.pop('embed_dim'), arguments.pop('depth')
    usual = 16 if width == 1280 else max(width // 64, 1)
    heads = source.num_heads or usual
    size = WIDTHS.get(width, '')
    name = ANY
    if DEPTHS.get(size) == depth:
        name = 'vit_huge_patch14_224' if size == 'huge' else f'vit_{size}_patch16_224'
        sizes = {} if heads == usual else {'num_heads': heads}
    else:
        sizes = {'embed_dim': width, 'depth': depth, 'num_heads': heads}
    named = {**DEFAULTS, 'img_size': 224, 'patch_size': 14 if size == 'huge' else 16}
    differing = {k: v for k, v in arguments.items() if v != named.get(k, ...)}
    if source.norm_eps != 1e-6:
        differing['norm_eps'] = source.norm_eps
    differing.update(source.options)
    config = {'type': 'TIMMImageBackbone', 'model_name': name, **sizes, **differing}
    return config, note_heads(source, usual)


TIMM_VIT = Target("timm's VisionTransformer", 'vit', build, config_of)
