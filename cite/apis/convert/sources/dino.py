"""DINO, and HIPT's two ViTs, of patches and of regions, trained with its code."""

import dataclasses

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.apis.convert.names import HEADS, TIMM_BLOCK, tensors_of, without
from cite.core.image_stats import HALF, IMAGENET

PATCH_FILE = 'vit256_small_dino.pth'


def teacher_state(checkpoint: Checkpoint) -> State:
    """Return the teacher's backbone, and its head, without prefixes."""
    prefixes = 'module.', 'backbone.'
    return tensors_of(checkpoint.content, 'teacher', prefixes=prefixes)


def recognises(checkpoint: Checkpoint) -> bool:
    plain = tensors_of(checkpoint.content, prefixes=('module.',))
    return TIMM_BLOCK in teacher_state(checkpoint) and TIMM_BLOCK not in plain


def recognises_teacher(checkpoint: Checkpoint) -> bool:
    return TIMM_BLOCK in teacher_state(checkpoint)


def recognises_by_name(checkpoint: Checkpoint) -> bool:
    # The file itself does not differ from DINO's own ViT-S/16.
    name = checkpoint.path.name
    return recognises_teacher(checkpoint) and name.startswith('vit256')


def recognises_region(checkpoint: Checkpoint) -> bool:
    return 'phi.0.weight' in teacher_state(checkpoint)


def translate(checkpoint: Checkpoint) -> Translation:
    """Keep the teacher's backbone without its projection head."""
    return Translation(*without(teacher_state(checkpoint), HEADS))


def translate_region(checkpoint: Checkpoint) -> Translation:
    """Join HIPT's two published files into one model of regions."""
    patch_file = checkpoint.path.with_name(PATCH_FILE)
    if not patch_file.is_file():
        raise ValueError(
            f'the ViT-4K reads features of the ViT-256: put {PATCH_FILE} (from the '
            "same place, HIPT's repository) beside it."
        )
    region = translate(checkpoint)
    patches = translate(Checkpoint.read(patch_file))
    state = {
        f'patch_embed.{name}' if name.startswith('phi.') else name: tensor
        for name, tensor in region.state.items()
    }
    state.update({f'patch_embed.vit.{k}': v for k, v in patches.state.items()})
    dropped = [*region.dropped, *patches.dropped]
    return dataclasses.replace(region, state=state, dropped=dropped)


DINO = Layout(
    'DINO',
    'vit',
    "a 'teacher', or names under 'backbone.'",
    recognises,
    translate,
    IMAGENET,
)
HIPT_PATCH = Layout(
    'HIPT ViT-256',
    'vit',
    DINO.looks_like,
    recognises_teacher,
    translate,
    HALF,
    size=256,
)
HIPT_BY_NAME = dataclasses.replace(HIPT_PATCH, recognises=recognises_by_name)
HIPT_REGION = Layout(
    'HIPT ViT-4K',
    'hipt_4k',
    "a 'teacher' with 'backbone.phi.0.weight'",
    recognises_region,
    translate_region,
    HALF,
    size=4096,
)
