"""Checkpoints that wrap a model whose usual names they keep, but for a few.

MAE (and RETFound, which was trained with its code), MoCo v3, timm's ViTs, open_clip's
image towers that are timm's ViTs (BiomedCLIP, CONCH), InternImage, and CTransPath (also
as in CHIEF and MI-Zero), which is timm 0.5's Swin-T behind a stem.
"""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, State, Translation
from cite.apis.convert.names import (
    HEADS,
    TIMM_BLOCK,
    rename,
    select,
    tensors_of,
    without,
)
from cite.core.image_stats import IMAGENET, IMAGENET_BILINEAR

from .timm_config import read_timms_config

DECODER = ('decoder_', 'mask_token')
MOCO_ENCODER = 'module.base_encoder.'
TRUNK = 'visual.trunk.'  # image tower; text tower and projection are in the same file
STEM = 'patch_embed.proj.3.weight'
# Buffers that Swin computes itself.
COMPUTED = ('relative_position_index', 'attn_mask')
OFFSET = 'levels.0.blocks.0.dcn.offset.weight'


def _unwrapped(checkpoint: Checkpoint, *wrappers: str) -> State:
    return tensors_of(checkpoint.content, *wrappers, prefixes=('module.',))


def recognises_mae(checkpoint: Checkpoint) -> bool:
    state = _unwrapped(checkpoint, 'model')
    wrapped = 'model' in checkpoint.content
    return TIMM_BLOCK in state and (wrapped or 'mask_token' in state)


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
    return TIMM_BLOCK in _unwrapped(checkpoint, 'state_dict', 'model')


def translate_timm(checkpoint: Checkpoint) -> Translation:
    """Drop the classifier."""
    state, dropped = without(_unwrapped(checkpoint, 'state_dict', 'model'), HEADS)
    return Translation(state, dropped, **read_timms_config(checkpoint, state))


def recognises_trunk(checkpoint: Checkpoint) -> bool:
    return TRUNK + TIMM_BLOCK in tensors_of(checkpoint.content, 'state_dict')


def translate_trunk(checkpoint: Checkpoint) -> Translation:
    """Keep the trunk, without the text tower and what projects the trunk's tokens."""
    trunk, other_names = select(tensors_of(checkpoint.content, 'state_dict'), TRUNK)
    kept, dropped = without(trunk, HEADS)
    note = (
        "The image tower's trunk alone was kept: its class token, before the "
        'projection or pooling that leads to the width shared with text.'
    )
    known = read_timms_config(checkpoint, kept)
    known['notes'] = [note, *known.get('notes', ())]
    return Translation(kept, [*other_names, *dropped], **known)


def recognises_internimage(checkpoint: Checkpoint) -> bool:
    return OFFSET in tensors_of(checkpoint.content, 'model', 'state_dict')


def translate_internimage(checkpoint: Checkpoint) -> Translation:
    """Drop the classifier."""
    state = tensors_of(checkpoint.content, 'model', 'state_dict')
    return Translation(*without(state, ('head.',)))


def _ctranspath_tower(checkpoint: Checkpoint) -> tuple[State, list[str]]:
    """Return the image tower (in MI-Zero's files a trunk) and all other names."""
    state = _unwrapped(checkpoint, 'model', 'state_dict')
    trunk, other_names = select(state, TRUNK)
    return (trunk, other_names) if trunk else (state, [])


def recognises_ctranspath(checkpoint: Checkpoint) -> bool:
    state, _ = _ctranspath_tower(checkpoint)
    return STEM in state and 'layers.0.blocks.0.norm1.weight' in state


def translate_ctranspath(checkpoint: Checkpoint) -> Translation:
    """Drop the classifier; a downsampling belongs to the stage after it in timm 1."""
    tower, other_names = _ctranspath_tower(checkpoint)
    state, dropped = without(tower, HEADS)
    computed = [name for name in state if name.endswith(COMPUTED)]
    state = {name: t for name, t in state.items() if name not in computed}
    # From the last to the first, so that a new name never matches the next rule.
    rules = [
        (rf'^layers\.{i}\.downsample\.', f'layers.{i + 1}.downsample.')
        for i in (2, 1, 0)
    ]
    return Translation(rename(state, rules), [*other_names, *dropped, *computed])


MAE = Layout(
    'MAE', 'vit', "a 'model' with MAE's names", recognises_mae, translate_mae, IMAGENET
)
MOCO = Layout(
    'MoCo v3',
    'vit',
    f"a 'state_dict' with names that start with '{MOCO_ENCODER}'",
    recognises_moco,
    translate_moco,
    IMAGENET_BILINEAR,
    # As the release's converter wrote it.
    target='mmcls',
)
TIMM_VIT = Layout(
    'timm',
    'vit',
    f"timm's names, such as '{TIMM_BLOCK}'",
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
CTRANSPATH = Layout(
    'CTransPath',
    'ctranspath',
    f"a 'model' with '{STEM}'",
    recognises_ctranspath,
    translate_ctranspath,
    IMAGENET_BILINEAR,
)
