"""HIPT's ViT-4K; the ViT-256 below it is read from the same folder."""

import dataclasses

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.core.image_stats import HALF

from .dino import teacher_state, translate_hipt

PATCH_FILE = 'vit256_small_dino.pth'


def recognises(checkpoint: Checkpoint) -> bool:
    return 'phi.0.weight' in teacher_state(checkpoint)


def translate(checkpoint: Checkpoint) -> Translation:
    """Join the two published files into one model of regions.

    Raises:
        ValueError: the ViT-256 is not beside the ViT-4K.
    """
    region = translate_hipt(checkpoint)
    state: State = {
        f'patch_embed.{name}' if name.startswith('phi.') else name: tensor
        for name, tensor in region.state.items()
    }
    patches = translate_hipt(_patch_checkpoint(checkpoint))
    state.update({f'patch_embed.vit.{k}': v for k, v in patches.state.items()})
    return dataclasses.replace(
        region, state=state, dropped=[*region.dropped, *patches.dropped]
    )


def _patch_checkpoint(checkpoint: Checkpoint) -> Checkpoint:
    path = checkpoint.path.with_name(PATCH_FILE)
    if not path.is_file():
        raise ValueError(
            f'the ViT-4K reads features of the ViT-256: put {PATCH_FILE} (from the '
            "same place, HIPT's repository) beside it."
        )
    return Checkpoint.read(path)


HIPT_REGION = Layout(
    'HIPT ViT-4K',
    'hipt_4k',
    "a 'teacher' with 'backbone.phi.0.weight'",
    recognises,
    translate,
    HALF,
)
