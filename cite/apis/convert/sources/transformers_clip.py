"""CLIPModel of Hugging Face transformers."""

from typing import Any

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, Translation
from cite.apis.convert.names import fuse_qkv, rename, tensors_of, without

RULES = [
    (r'^vision_model\.embeddings\.class_embedding$', 'visual.class_embedding'),
    (r'^vision_model\.embeddings\.patch_embedding\.', 'visual.conv1.'),
    (
        r'^vision_model\.embeddings\.position_embedding\.weight$',
        'visual.positional_embedding',
    ),
    (r'^vision_model\.pre_layrnorm\.', 'visual.ln_pre.'),
    (r'^vision_model\.post_layernorm\.', 'visual.ln_post.'),
    (r'^vision_model\.encoder\.layers\.', 'visual.transformer.resblocks.'),
    (r'^text_model\.embeddings\.token_embedding\.', 'token_embedding.'),
    (r'^text_model\.embeddings\.position_embedding\.weight$', 'positional_embedding'),
    (r'^text_model\.final_layer_norm\.', 'ln_final.'),
    (r'^text_model\.encoder\.layers\.', 'transformer.resblocks.'),
    (r'^visual_projection\.weight$', 'visual.proj'),
    (r'^text_projection\.weight$', 'text_projection'),
    (r'\.self_attn\.', '.attn.'),
    (r'\.layer_norm(\d)\.', r'.ln_\1.'),
    (r'\.mlp\.fc1\.', '.mlp.c_fc.'),
    (r'\.mlp\.fc2\.', '.mlp.c_proj.'),
]
# Old files contain the indices 0, 1, 2, … of the position embeddings.
POSITIONS = (
    'vision_model.embeddings.position_ids',
    'text_model.embeddings.position_ids',
)
# CLIPConfig's defaults, which its files leave out: (width, heads).
DEFAULTS = {'vision_config': (768, 12), 'text_config': (512, 8)}
NOTE = (
    "The file has no config.json beside it: OpenAI's QuickGELU and 64 channels per "
    'attention head are assumed.'
)


def recognises(checkpoint: Checkpoint) -> bool:
    state = tensors_of(checkpoint.content, 'state_dict')
    return any(name.startswith('vision_model.encoder.layers.') for name in state)


def translate(checkpoint: Checkpoint) -> Translation:
    """Rename, stack query, key and value, and transpose the projections."""
    _check_config(checkpoint.config)
    state, dropped = without(tensors_of(checkpoint.content, 'state_dict'), POSITIONS)
    state = rename(state, RULES)
    state = fuse_qkv(state, ('q_proj', 'k_proj', 'v_proj'), '.in_proj_')
    for name in ('visual.proj', 'text_projection'):
        if name in state:
            state[name] = state[name].T  # (D_out, D) -> (D, D_out)
    notes = [] if checkpoint.config else [NOTE]
    return Translation(state, dropped, norm_eps=1e-5, notes=notes)


def _check_config(towers: dict[str, Any]) -> None:
    """Refuse a config of a model that differs from OpenAI's CLIP."""
    for tower, (width, heads) in DEFAULTS.items():
        config = towers.get(tower) or {}
        act = config.get('hidden_act', 'quick_gelu')
        channels = config.get('hidden_size', width) // config.get(
            'num_attention_heads', heads
        )
        eps = config.get('layer_norm_eps', 1e-5)
        if (act, channels, eps) != ('quick_gelu', 64, 1e-5):
            raise ValueError(
                f'its {tower} has {act}, {channels} channels per head and layer norms '
                f"with epsilon {eps}, and OpenAI's CLIP has quick_gelu, 64 and 1e-05."
            )


TRANSFORMERS_CLIP = Layout(
    'transformers CLIP',
    'clip',
    "transformers' names, such as 'vision_model.encoder.layers.0.layer_norm1.weight'",
    recognises,
    translate,
)
