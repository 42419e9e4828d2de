"""Plain ViTs of timm, by themselves or inside a training checkpoint."""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout
from cite.apis.convert.names import (
    HEADS,
    is_timm_vit,
    strip_prefix,
    tensors_of,
    without,
)
from cite.apis.convert.translation import State, Translation


def _state(checkpoint: Checkpoint) -> State:
    state = tensors_of(checkpoint.content, 'state_dict', 'model')
    return strip_prefix(state, 'module.')


def recognises(checkpoint: Checkpoint) -> bool:
    return is_timm_vit(_state(checkpoint))


def translate(checkpoint: Checkpoint) -> Translation:
    """Drop the classifier; the names are the family's already."""
    return Translation(*without(_state(checkpoint), HEADS))


TIMM_VIT = Layout(
    'timm',
    'vit',
    "timm's names, such as 'blocks.0.norm1.weight'",
    recognises,
    translate,
)
