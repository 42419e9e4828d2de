"""DINO, and HIPT's patch-level ViT, which was trained with its code."""

import dataclasses

from cite.core.image_stats import HALF, IMAGENET

from ..checkpoint import Checkpoint
from ..layout import Layout
from ..names import HEADS, is_timm_vit, strip_prefix, tensors_of, without
from ..translation import State, Translation


def teacher_state(checkpoint: Checkpoint) -> State:
    """Return the teacher's backbone, and its head, without prefixes."""
    state = tensors_of(checkpoint.content, 'teacher')
    return strip_prefix(strip_prefix(state, 'module.'), 'backbone.')


def recognises(checkpoint: Checkpoint) -> bool:
    plain = strip_prefix(tensors_of(checkpoint.content), 'module.')
    return is_timm_vit(teacher_state(checkpoint)) and not is_timm_vit(plain)


def recognises_teacher(checkpoint: Checkpoint) -> bool:
    return is_timm_vit(teacher_state(checkpoint))


def recognises_by_name(checkpoint: Checkpoint) -> bool:
    # Nothing in the file tells HIPT's from DINO's own ViT-S/16.
    name = checkpoint.path.name
    return recognises_teacher(checkpoint) and name.startswith('vit256')


def translate(checkpoint: Checkpoint) -> Translation:
    """Keep the teacher's backbone without its projection head."""
    return Translation(*without(teacher_state(checkpoint), HEADS))


DINO = Layout(
    'DINO',
    'vit',
    "a 'teacher', or names under 'backbone.'",
    recognises,
    translate,
    IMAGENET,
)
HIPT_PATCH = dataclasses.replace(
    DINO, name='HIPT ViT-256', recognises=recognises_teacher, stats=HALF
)
HIPT_BY_NAME = dataclasses.replace(HIPT_PATCH, recognises=recognises_by_name)
