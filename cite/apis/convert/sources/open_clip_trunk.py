"""Image towers of open_clip that are timm's ViTs: BiomedCLIP, CONCH."""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout
from cite.apis.convert.names import HEADS, tensors_of, without
from cite.apis.convert.translation import State, Translation

TRUNK = 'visual.trunk.'


def _state(checkpoint: Checkpoint) -> State:
    return tensors_of(checkpoint.content, 'state_dict')


def recognises(checkpoint: Checkpoint) -> bool:
    return TRUNK + 'blocks.0.norm1.weight' in _state(checkpoint)


def translate(checkpoint: Checkpoint) -> Translation:
    """Keep the trunk, without the text tower and what projects the trunk's tokens."""
    state = _state(checkpoint)
    trunk = {k[len(TRUNK) :]: v for k, v in state.items() if k.startswith(TRUNK)}
    kept, dropped = without(trunk, HEADS)
    others = [name for name in state if not name.startswith(TRUNK)]
    note = (
        "The image tower's trunk alone was kept: its class token, before the "
        'projection or pooling that leads to the width shared with text.'
    )
    return Translation(kept, [*others, *dropped], notes=[note])


OPEN_CLIP_TRUNK = Layout(
    "open_clip with timm's ViT",
    'vit',
    f"names that start with '{TRUNK}'",
    recognises,
    translate,
)
