"""CLIP under OpenAI's names: OpenAI's own files, and open_clip's."""

from typing import Any

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.apis.convert.names import rename, tensors_of, without

TOWERS = ('visual.conv1.weight', 'visual.trunk.cls_token')
# OpenAI's archives contain these numbers beside the weights.
SETTINGS = ('input_resolution', 'context_length', 'vocab_size')
NOTE = (
    'The file does not say its activation. That of CLIP of OpenAI is QuickGELU; '
    "open_clip models without '-quickgelu' in their name use GELU, and their converted "
    'files would give wrong features.'
)


def _state(checkpoint: Checkpoint) -> State:
    state = tensors_of(checkpoint.content, 'state_dict', prefixes=('module.',))
    has_text_tower = any(name.startswith('text.transformer.') for name in state)
    return rename(state, [(r'^text\.', '')]) if has_text_tower else state


def recognises(checkpoint: Checkpoint) -> bool:
    return any(name in _state(checkpoint) for name in TOWERS)


def translate(checkpoint: Checkpoint) -> Translation:
    """Unwrap; the names are the family's already."""
    config: dict[str, Any] = checkpoint.config.get('model_cfg', {})
    if config:
        _check_config(config)
    state, dropped = without(_state(checkpoint), (*SETTINGS, 'attn_mask'))
    activation_known = bool(config) or any(name in SETTINGS for name in dropped)
    notes = [] if activation_known else [NOTE]
    return Translation(state, dropped, norm_eps=1e-5, notes=notes)


def _check_config(config: dict[str, Any]) -> None:
    """Refuse the config of a model that differs from OpenAI's CLIP."""
    if not config.get('quick_gelu', False):
        raise ValueError(
            "it uses GELU (open_clip_config.json has no 'quick_gelu'), and OpenAI's "
            'CLIP computes QuickGELU only.'
        )
    text = config.get('text_cfg', {})
    channels = {config.get('vision_cfg', {}).get('head_width', 64)}
    channels.add(text.get('width', 512) // text.get('heads', 8))
    if channels != {64}:
        raise ValueError(
            f'its attention heads have {sorted(channels)} channels '
            "(open_clip_config.json), and those of OpenAI's CLIP have 64."
        )


OPEN_CLIP = Layout(
    'OpenAI or open_clip',
    'clip',
    "OpenAI's names, such as 'visual.conv1.weight'",
    recognises,
    translate,
)
