"""Checkpoints that wrap a model whose usual names they keep.

MAE (and RETFound, which was trained with its code), MoCo v3, timm's ViTs, open_clip's
image towers that are timm's ViTs (BiomedCLIP, CONCH), and InternImage.
"""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.apis.convert.names import (
    HEADS,
    is_timm_vit,
    select,
    strip_prefix,
    tensors_of,
    without,
)
from cite.core.image_stats import IMAGENET

DECODER = ('decoder_', 'mask_token')
MOCO_ENCODER = 'module.base_encoder.'
TRUNK = 'visual.trunk.'
OFFSET = 'levels.0.blocks.0.dcn.offset.weight'


def _unwrapped(checkpoint: Checkpoint, *wrappers: str) -> State:
    return strip_prefix(tensors_of(checkpoint.content, *wrappers), 'module.')


def recognises_mae(checkpoint: Checkpoint) -> bool:
    state = _unwrapped(checkpoint, 'model')
    wrapped = 'model' in checkpoint.content
    return is_timm_vit(state) and (wrapped or 'mask_token' in state)


def translate_mae(checkpoint: Checkpoint) -> Translation:
    """Keep the encoder, without decoder, mask token and classifier."""
    return Translation(*without(_unwrapped(checkpoint, 'model'), (*DECODER, *HEADS)))


def recognises_moco(checkpoint: Checkpoint) -> bool:
    state = tensors_of(checkpoint.content, 'state_dict')
    return any(name.startswith(MOCO_ENCODER) for name in state)


def translate_moco(checkpoint: Checkpoint) -> Translation:
    """Keep the base encoder without its projection head."""
    state = tensors_of(checkpoint.content, 'state_dict')
    state, projection = without(state, (MOCO_ENCODER + 'head',))
    encoder, other_names = select(state, MOCO_ENCODER)
    width = encoder['cls_token'].shape[-1] if 'cls_token' in encoder else 0
    # MoCo v3's ViT-S has 12 heads of 32 channels, where others' has 6 of 64.
    num_heads = 12 if width == 384 else None
    return Translation(encoder, [*projection, *other_names], num_heads)


def recognises_timm(checkpoint: Checkpoint) -> bool:
    return is_timm_vit(_unwrapped(checkpoint, 'state_dict', 'model'))


def translate_timm(checkpoint: Checkpoint) -> Translation:
    """Drop the classifier."""
    return Translation(*without(_unwrapped(checkpoint, 'state_dict', 'model'), HEADS))


def recognises_trunk(checkpoint: Checkpoint) -> bool:
    state = tensors_of(checkpoint.content, 'state_dict')
    return TRUNK + 'blocks.0.norm1.weight' in state


def translate_trunk(checkpoint: Checkpoint) -> Translation:
    """Keep the trunk, without the text tower and what projects the trunk's tokens."""
    trunk, other_names = select(tensors_of(checkpoint.content, 'state_dict'), TRUNK)
    kept, dropped = without(trunk, HEADS)
    note = (
        "The image tower's trunk alone was kept: its class token, before the "
        'projection or pooling that leads to the width shared with text.'
    )
    return Translation(kept, [*other_names, *dropped], notes=[note])


def recognises_internimage(checkpoint: Checkpoint) -> bool:
    return OFFSET in tensors_of(checkpoint.content, 'model', 'state_dict')


def translate_internimage(checkpoint: Checkpoint) -> Translation:
    """Drop the classifier."""
    state = tensors_of(checkpoint.content, 'model', 'state_dict')
    return Translation(*without(state, ('head.',)))


MAE = Layout(
    'MAE', 'vit', "a 'model' with MAE's names", recognises_mae, translate_mae, IMAGENET
)
MOCO = Layout(
    'MoCo v3',
    'vit',
    f"a 'state_dict' with names that start with '{MOCO_ENCODER}'",
    recognises_moco,
    translate_moco,
    IMAGENET,
    # As the release's converter wrote it.
    target='mmcls',
)
TIMM_VIT = Layout(
    'timm',
    'vit',
    "timm's names, such as 'blocks.0.norm1.weight'",
    recognises_timm,
    translate_timm,
)
OPEN_CLIP_TRUNK = Layout(
    "open_clip with timm's ViT",
    'vit',
    f"names that start with '{TRUNK}'",
    recognises_trunk,
    translate_trunk,
)
INTERNIMAGE = Layout(
    'InternImage',
    'internimage',
    f"a 'model' with '{OFFSET}'",
    recognises_internimage,
    translate_internimage,
    IMAGENET,
)
