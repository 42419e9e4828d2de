"""DINO, and HIPT's patch-level ViT, which was trained with its code."""

import dataclasses

import torch
from torch.nn import functional as F

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.apis.convert.names import (
    HEADS,
    is_timm_vit,
    strip_prefix,
    tensors_of,
    without,
)
from cite.core.image_stats import HALF, IMAGENET


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
    # The file itself does not differ from DINO's own ViT-S/16.
    name = checkpoint.path.name
    return recognises_teacher(checkpoint) and name.startswith('vit256')


def translate(checkpoint: Checkpoint) -> Translation:
    """Keep the teacher's backbone without its projection head."""
    return Translation(*without(teacher_state(checkpoint), HEADS))


def translate_hipt(checkpoint: Checkpoint) -> Translation:
    """Keep the same, with positions of 14 x 14 patches resized to HIPT's 16 x 16."""
    translation = translate(checkpoint)
    state = translation.state
    if 'pos_embed' in state and state['pos_embed'].shape[1] == 1 + 14 * 14:
        state = {**state, 'pos_embed': to_sixteen(state['pos_embed'])}
    return dataclasses.replace(translation, state=state)


def to_sixteen(positions: torch.Tensor) -> torch.Tensor:
    """Interpolate positions (1, 1 + 14 * 14, D) as DINO's code does at each forward.

    The scale is a tenth of a patch too large, as in that code, which avoids a wrong
    rounding; HIPT was trained with it.
    """
    first, grid = positions[:, :1], positions[:, 1:]
    grid = grid.unflatten(1, (14, 14)).permute(0, 3, 1, 2).float()
    scale = (16 + 0.1) / 14
    grid = F.interpolate(grid, scale_factor=(scale, scale), mode='bicubic')
    grid = grid.flatten(2).transpose(1, 2).to(positions.dtype)
    return torch.cat([first, grid], dim=1)


DINO = Layout(
    'DINO',
    'vit',
    "a 'teacher', or names under 'backbone.'",
    recognises,
    translate,
    IMAGENET,
)
HIPT_PATCH = dataclasses.replace(
    DINO,
    name='HIPT ViT-256',
    recognises=recognises_teacher,
    translate=translate_hipt,
    stats=HALF,
)
HIPT_BY_NAME = dataclasses.replace(HIPT_PATCH, recognises=recognises_by_name)
