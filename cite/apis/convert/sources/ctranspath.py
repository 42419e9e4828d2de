"""CTransPath, and CHIEF's and MI-Zero's of it: timm 0.5's Swin-T behind a stem."""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout
from cite.apis.convert.names import HEADS, rename, strip_prefix, tensors_of, without
from cite.apis.convert.translation import State, Translation
from cite.core.image_stats import IMAGENET

STEM = 'patch_embed.proj.3.weight'
# Buffers that Swin computes anew.
COMPUTED = ('relative_position_index', 'attn_mask')
# Of MI-Zero, whose text tower and projection stand beside it.
TRUNK = 'visual.trunk.'


def _state(checkpoint: Checkpoint) -> State:
    state = tensors_of(checkpoint.content, 'model', 'state_dict')
    return strip_prefix(state, 'module.')


def _image_tower(checkpoint: Checkpoint) -> tuple[State, list[str]]:
    """Return the image tower, and the names of what stands beside it."""
    state = _state(checkpoint)
    trunk = {k[len(TRUNK) :]: v for k, v in state.items() if k.startswith(TRUNK)}
    if not trunk:
        return state, []
    return trunk, [name for name in state if not name.startswith(TRUNK)]


def recognises(checkpoint: Checkpoint) -> bool:
    state, _ = _image_tower(checkpoint)
    return STEM in state and 'layers.0.blocks.0.norm1.weight' in state


def translate(checkpoint: Checkpoint) -> Translation:
    """Drop the classifier; a downsampling belongs to the stage after it in timm 1."""
    tower, beside = _image_tower(checkpoint)
    state, dropped = without(tower, HEADS)
    computed = [name for name in state if name.endswith(COMPUTED)]
    state = {name: t for name, t in state.items() if name not in computed}
    # From the last to the first, so that no name is taken twice.
    rules = [
        (rf'^layers\.{i}\.downsample\.', f'layers.{i + 1}.downsample.')
        for i in (2, 1, 0)
    ]
    return Translation(rename(state, rules), [*beside, *dropped, *computed])


CTRANSPATH = Layout(
    'CTransPath',
    'ctranspath',
    f"a 'model' with '{STEM}'",
    recognises,
    translate,
    IMAGENET,
)
