"""InternImage T, S and B as OpenGVLab publishes them."""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout
from cite.apis.convert.names import tensors_of, without
from cite.apis.convert.translation import State, Translation
from cite.core.image_stats import IMAGENET

OFFSET = 'levels.0.blocks.0.dcn.offset.weight'


def _state(checkpoint: Checkpoint) -> State:
    return tensors_of(checkpoint.content, 'model', 'state_dict')


def recognises(checkpoint: Checkpoint) -> bool:
    return OFFSET in _state(checkpoint)


def translate(checkpoint: Checkpoint) -> Translation:
    """Drop the classifier; the names are the model's already."""
    return Translation(*without(_state(checkpoint), ('head.',)))


INTERNIMAGE = Layout(
    'InternImage',
    'internimage',
    f"a 'model' with '{OFFSET}'",
    recognises,
    translate,
    IMAGENET,
)
