"""DINO, and HIPT's patch-level ViT, which was trained with its code."""

from ..checkpoint import Checkpoint
from ..layout import Layout
from ..names import HEADS, is_timm_vit, strip_prefix, tensors_of, without
from ..translation import State, Translation


def _state(checkpoint: Checkpoint) -> State:
    state = tensors_of(checkpoint.content, 'teacher')
    return strip_prefix(strip_prefix(state, 'module.'), 'backbone.')


def recognises(checkpoint: Checkpoint) -> bool:
    plain = strip_prefix(tensors_of(checkpoint.content), 'module.')
    return is_timm_vit(_state(checkpoint)) and not is_timm_vit(plain)


def translate(checkpoint: Checkpoint) -> Translation:
    """Keep the teacher's backbone without its projection head."""
    return Translation(*without(_state(checkpoint), HEADS))


DINO = Layout(
    'DINO', 'vit', "a 'teacher', or names under 'backbone.'", recognises, translate
)
