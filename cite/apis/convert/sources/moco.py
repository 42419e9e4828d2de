"""MoCo v3 ViTs as their training writes them."""

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout
from cite.apis.convert.names import tensors_of, without
from cite.apis.convert.translation import Translation
from cite.core.image_stats import IMAGENET

PREFIX = 'module.base_encoder.'


def recognises(checkpoint: Checkpoint) -> bool:
    state = tensors_of(checkpoint.content, 'state_dict')
    return any(name.startswith(PREFIX) for name in state)


def translate(checkpoint: Checkpoint) -> Translation:
    """Keep the base encoder without its projection head."""
    state = tensors_of(checkpoint.content, 'state_dict')
    encoder, dropped = without(state, (PREFIX + 'head',))
    kept = {
        name[len(PREFIX) :]: tensor
        for name, tensor in encoder.items()
        if name.startswith(PREFIX)
    }
    dropped += [name for name in encoder if not name.startswith(PREFIX)]
    width = kept['cls_token'].shape[-1] if 'cls_token' in kept else 0
    # MoCo v3's ViT-S has 12 heads of 32 channels, where others' has 6 of 64.
    return Translation(kept, dropped, num_heads=12 if width == 384 else None)


MOCO = Layout(
    'MoCo v3',
    'vit',
    f"a 'state_dict' with names that start with '{PREFIX}'",
    recognises,
    translate,
    IMAGENET,
    # As the release's converter wrote it.
    target='mmcls',
)
