"""DINOv2, from its own hub or from transformers, with or without registers.

Source: Oquab et al., *DINOv2: Learning Robust Visual Features without Supervision*,
TMLR 2024, arXiv:2304.07193; Darcet et al., *Vision Transformers Need Registers*, ICLR
2024, arXiv:2309.16588.
"""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.apis.convert.names import HEADS, fuse_qkv, rename, tensors_of, without
from cite.core.image_stats import IMAGENET
from cite.models.backbones.transformers_names import older_state

from .transformers_vit import COMMON_RULES

# The hub's names. Training writes blocks in chunks: blocks.CHUNK.NUMBER.
HUB_RULES = [
    (r'^blocks\.\d+\.(\d+)\.', r'blocks.\1.'),
    (r'^register_tokens$', 'reg_token'),
    (r'\.mlp\.w12\.', '.mlp.fc1.'),
    (r'\.mlp\.w3\.', '.mlp.fc2.'),
]
TRANSFORMERS_RULES = [
    *COMMON_RULES,
    (r'^embeddings\.register_tokens$', 'reg_token'),
    (r'\.layer_scale(\d)\.lambda1$', r'.ls\1.gamma'),
    (r'\.mlp\.weights_in\.', '.mlp.fc1.'),
    (r'\.mlp\.weights_out\.', '.mlp.fc2.'),
]
MASK = ('mask_token', 'embeddings.mask_token')
ON_TOP = (*HEADS, *MASK, 'classifier.', 'dino_head.', 'ibot_head.')


def _hub_state(checkpoint: Checkpoint) -> State:
    wrappers = 'teacher', 'model', 'state_dict'
    state = tensors_of(checkpoint.content, *wrappers, prefixes=('backbone.',))
    return rename(state, HUB_RULES)


def _transformers_state(checkpoint: Checkpoint) -> State:
    prefixes = 'dinov2_with_registers.', 'dinov2.'
    state = tensors_of(checkpoint.content, 'state_dict', prefixes=prefixes)
    return older_state(state)


def recognises_hub(checkpoint: Checkpoint) -> bool:
    state = _hub_state(checkpoint)
    return 'blocks.0.ls1.gamma' in state and 'mask_token' in state


def recognises_transformers(checkpoint: Checkpoint) -> bool:
    return 'encoder.layer.0.layer_scale1.lambda1' in _transformers_state(checkpoint)


def translate_hub(checkpoint: Checkpoint) -> Translation:
    """Drop mask token and heads; fold the class token's position into it."""
    state, dropped = without(_hub_state(checkpoint), ON_TOP)
    return Translation(_as_timm(state), dropped)


def translate_transformers(checkpoint: Checkpoint) -> Translation:
    """Rename, stack query, key and value, then continue as with the hub's files."""
    state, dropped = without(_transformers_state(checkpoint), ON_TOP)
    state = rename(state, TRANSFORMERS_RULES)
    state = fuse_qkv(state, ('query', 'key', 'value'), '.qkv.')
    config = checkpoint.config
    if config.get('hidden_act', 'gelu') != 'gelu':
        raise ValueError(
            f"its config.json names the activation '{config['hidden_act']}', but "
            'DINOv2 has GELU.'
        )
    # Dinov2Config's own default, which its files leave out.
    num_heads = config.get('num_attention_heads', 12) if config else None
    eps = config.get('layer_norm_eps', 1e-6)
    return Translation(_as_timm(state), dropped, num_heads, eps)


def _as_timm(state: State) -> State:
    """Fold the class token's position into it where there are registers.

    timm then embeds the positions of patches alone.
    """
    if 'reg_token' not in state or not {'cls_token', 'pos_embed'} <= {*state}:
        return state
    position, patches = state['pos_embed'][:, :1], state['pos_embed'][:, 1:]
    return {**state, 'cls_token': state['cls_token'] + position, 'pos_embed': patches}


DINOV2_HUB = Layout(
    'DINOv2',
    'vit',
    "the hub's names, such as 'blocks.0.ls1.gamma' and 'mask_token'",
    recognises_hub,
    translate_hub,
    IMAGENET,
)
DINOV2_TRANSFORMERS = Layout(
    'transformers DINOv2',
    'vit',
    "transformers' names, such as 'encoder.layer.0.layer_scale1.lambda1'",
    recognises_transformers,
    translate_transformers,
    IMAGENET,
)
