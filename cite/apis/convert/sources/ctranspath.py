"""CTransPath, also as in CHIEF and MI-Zero: timm 0.5's Swin-T behind a stem."""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.apis.convert.names import (
    HEADS,
    rename,
    select,
    strip_prefix,
    tensors_of,
    without,
)
from cite.core.image_stats import IMAGENET

STEM = 'patch_embed.proj.3.weight'
# Buffers that Swin computes itself.
COMPUTED = ('relative_position_index', 'attn_mask')
# MI-Zero's image tower; its text tower and projection are in the same file.
TRUNK = 'visual.trunk.'


def _state(checkpoint: Checkpoint) -> State:
    state = tensors_of(checkpoint.content, 'model', 'state_dict')
    return strip_prefix(state, 'module.')


def _image_tower(checkpoint: Checkpoint) -> tuple[State, list[str]]:
    """Return the image tower, and the names of all other tensors."""
    state = _state(checkpoint)
    trunk, other_names = select(state, TRUNK)
    return (trunk, other_names) if trunk else (state, [])


def recognises(checkpoint: Checkpoint) -> bool:
    state, _ = _image_tower(checkpoint)
    return STEM in state and 'layers.0.blocks.0.norm1.weight' in state


def translate(checkpoint: Checkpoint) -> Translation:
    """Drop the classifier; a downsampling belongs to the stage after it in timm 1."""
    tower, other_names = _image_tower(checkpoint)
    state, dropped = without(tower, HEADS)
    computed = [name for name in state if name.endswith(COMPUTED)]
    state = {name: t for name, t in state.items() if name not in computed}
    # From the last to the first, so that a new name never matches the next rule.
    rules = [
        (rf'^layers\.{i}\.downsample\.', f'layers.{i + 1}.downsample.')
        for i in (2, 1, 0)
    ]
    return Translation(rename(state, rules), [*other_names, *dropped, *computed])


CTRANSPATH = Layout(
    'CTransPath',
    'ctranspath',
    f"a 'model' with '{STEM}'",
    recognises,
    translate,
    IMAGENET,
)
