"""MAE and models trained with its code, RETFound among them."""

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
from cite.core.image_stats import IMAGENET

DECODER = ('decoder_', 'mask_token')


def _state(checkpoint: Checkpoint) -> State:
    return strip_prefix(tensors_of(checkpoint.content, 'model'), 'module.')


def recognises(checkpoint: Checkpoint) -> bool:
    state = _state(checkpoint)
    wrapped = 'model' in checkpoint.content
    return is_timm_vit(state) and (wrapped or 'mask_token' in state)


def translate(checkpoint: Checkpoint) -> Translation:
    """Keep the encoder, without decoder, mask token and classifier."""
    return Translation(*without(_state(checkpoint), (*DECODER, *HEADS)))


MAE = Layout(
    'MAE', 'vit', "a 'model' with MAE's names", recognises, translate, IMAGENET
)
