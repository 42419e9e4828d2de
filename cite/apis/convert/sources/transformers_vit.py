"""ViTs of Hugging Face transformers: ViTModel, with or without a head."""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.apis.convert.names import fuse_qkv, rename, tensors_of, without
from cite.models.backbones.transformers_names import older_state

# The names that ViTModel and Dinov2Model share.
COMMON_RULES = [
    (r'^embeddings\.cls_token$', 'cls_token'),
    (r'^embeddings\.position_embeddings$', 'pos_embed'),
    (r'^embeddings\.patch_embeddings\.projection\.', 'patch_embed.proj.'),
    (r'^encoder\.layer\.', 'blocks.'),
    (r'\.attention\.attention\.', '.attn.'),
    (r'\.attention\.output\.dense\.', '.attn.proj.'),
    (r'^layernorm\.', 'norm.'),
]
RULES = [
    *COMMON_RULES,
    (r'\.intermediate\.dense\.', '.mlp.fc1.'),
    (r'\.output\.dense\.', '.mlp.fc2.'),
    (r'\.layernorm_before\.', '.norm1.'),
    (r'\.layernorm_after\.', '.norm2.'),
]
ON_TOP = ('pooler.', 'classifier.', 'decoder.', 'embeddings.mask_token')


def _state(checkpoint: Checkpoint) -> State:
    state = tensors_of(checkpoint.content, 'state_dict', prefixes=('vit.',))
    return older_state(state)


def recognises(checkpoint: Checkpoint) -> bool:
    return 'encoder.layer.0.attention.attention.query.weight' in _state(checkpoint)


def translate(checkpoint: Checkpoint) -> Translation:
    """Rename, and stack query, key and value into one projection."""
    config = checkpoint.config
    if config.get('hidden_act', 'gelu') != 'gelu':
        raise ValueError(
            f"its config.json names the activation '{config['hidden_act']}', but a "
            'plain ViT has GELU.'
        )
    state, dropped = without(_state(checkpoint), ON_TOP)
    state = fuse_qkv(rename(state, RULES), ('query', 'key', 'value'), '.qkv.')
    # ViTConfig's own defaults, which its files leave out.
    heads = config.get('num_attention_heads', 12) if config else None
    return Translation(state, dropped, heads, config.get('layer_norm_eps', 1e-12))


TRANSFORMERS_VIT = Layout(
    'transformers ViT',
    'vit',
    "transformers' names, such as 'encoder.layer.0.attention.attention.query.weight'",
    recognises,
    translate,
)
