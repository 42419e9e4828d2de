"""mmcls' VisionTransformer, which our prompted and frozen ViTs extend."""

from typing import Any

from mmcls.models import VisionTransformer

from cite.apis.convert.layout import State, Translation
from cite.apis.convert.names import rename
from cite.apis.convert.target import Target, check_plain_vit, note_heads, square_side

RULES = [
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^blocks\.', 'layers.'),
    # mmcls gives its final norm the name of a block's first one.
    (r'^norm\.', 'ln1.'),
    (r'\.norm(\d)\.', r'.ln\1.'),
    (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
]
# Attention heads of the published ViT-Ti, -S, -B, -L and -H by their width.
USUAL_HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}

POSITIONS = (
    'mmcls interpolates positions in another way than this model was published with: '
    'features are the same at {} pixels only. For other sizes write it for timm.'
)


def to_mmcls(state: State) -> State:
    """Replace timm's names for a plain ViT by mmcls'."""
    check_plain_vit(state)
    return rename(state, RULES)


def arch_of(state: State) -> dict[str, Any]:
    """Read the arguments of mmcls' VisionTransformer off a state dict's shapes.

    The shapes do not show the number of heads; :func:`config_of` fills it in.
    """
    tokens, width = state['pos_embed'].shape[-2:]
    _, channels, *patch = state['patch_embed.projection.weight'].shape
    blocks = [int(n.split('.')[1]) for n in state if n.startswith('layers.')]
    return {
        'arch': {
            'embed_dims': width,
            'num_layers': max(blocks) + 1,
            'num_heads': 1,
            'feedforward_channels': state['layers.0.ffn.layers.0.0.weight'].shape[0],
        },
        'img_size': square_side(tokens) * patch[0],
        'patch_size': patch[0],
        'in_channels': channels,
        'qkv_bias': 'layers.0.attn.qkv.bias' in state,
    }


def build(state: State) -> VisionTransformer:
    return VisionTransformer(**arch_of(state))


def config_of(state: State, source: Translation) -> tuple[dict[str, Any], list[str]]:
    """Return the backbone config, and a note if its number of heads is a guess."""
    arguments = arch_of(state)
    width = arguments['arch']['embed_dims']
    usual = USUAL_HEADS.get(width, max(width // 64, 1))
    arguments['arch']['num_heads'] = source.num_heads or usual
    for name, default in (('in_channels', 3), ('qkv_bias', True)):
        if arguments[name] == default:
            del arguments[name]
    if source.norm_eps != 1e-6:
        arguments['norm_cfg'] = {'type': 'LN', 'eps': source.norm_eps}
    config = {'type': 'VisionTransformer', **arguments}
    activation = source.options.get('act_layer')
    if activation not in (None, 'gelu_tanh'):
        raise ValueError(f"mmcls' ViT does not have its activation {activation}.")
    if activation:
        gelu = {'type': 'GELU', 'approximate': 'tanh'}
        config['layer_cfgs'] = {'act_cfg': gelu}
    notes = note_heads(source, usual)
    if source.options.get('positions', 'plain') != 'plain':
        notes.append(POSITIONS.format(arguments['img_size']))
    return config, notes


MMCLS_VIT = Target(
    "mmcls' VisionTransformer", 'vit', build, config_of, 'init_cfg', to_mmcls
)
