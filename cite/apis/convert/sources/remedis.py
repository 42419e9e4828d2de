"""REMEDIS: BiT ResNets as TensorFlow variables, exported to an npz.

Source: Azizi et al., *Robust and data-efficient generalization of self-supervised
machine learning for diagnostic imaging*, Nature Biomedical Engineering 2023; names as
in Kolesnikov et al., *Big Transfer (BiT)*, ECCV 2020, and its published files.
"""

import torch

from cite.apis.convert.checkpoint import Checkpoint
from cite.apis.convert.layout import Layout, Translation
from cite.apis.convert.names import rename, tensors_of
from cite.core.image_stats import HALF

from .remedis_scopes import is_numbered, with_scopes

RULES = [
    (r':0$', ''),
    # Scopes of the hub's module before the network's own names.
    (r'^.*?(root_block|block\d+/unit\d+|group_norm)/', r'\1/'),
    (r'^root_block/standardized_conv2d/kernel$', 'stem.conv.weight'),
    (r'^group_norm/gamma$', 'norm.weight'),
    (r'^group_norm/beta$', 'norm.bias'),
    (r'/standardized_conv2d/kernel$', '/weight'),
    (r'/group_norm/gamma$', '/norm/weight'),
    (r'/group_norm/beta$', '/norm/bias'),
    (r'/a/proj/weight$', '/downsample.conv.weight'),
    (r'/a/', '/1/'),
    (r'/b/', '/2/'),
    (r'/c/', '/3/'),
    (r'/(\d)/norm/', r'/norm\1.'),
    (r'/(\d)/weight$', r'/conv\1.weight'),
]
KERNEL = 'root_block/standardized_conv2d/kernel'
# Optimisers' variables and the heads of contrastive and supervised training.
IGNORED = ('head', 'global_step', 'Momentum', 'projection', 'save_counter')


def recognises(checkpoint: Checkpoint) -> bool:
    names = list(checkpoint.content)
    return any(KERNEL in name for name in names) or (
        is_numbered(names) and any('standardized_conv2d/' in name for name in names)
    )


def translate(checkpoint: Checkpoint) -> Translation:
    """Rename to timm's BiT and transpose the kernels."""
    state = tensors_of(checkpoint.content)
    dropped = [n for n in state if any(p.startswith(IGNORED) for p in n.split('/'))]
    kept = {name: t for name, t in state.items() if name not in dropped}
    if is_numbered([*kept]):
        kept = with_scopes(kept)
    named = rename(kept, RULES)
    return Translation({_unit(n): _torch_shape(t) for n, t in named.items()}, dropped)


def _unit(name: str) -> str:
    """Turn ``block1/unit01/conv1.weight`` into ``stages.0.blocks.0.conv1.weight``."""
    block, *rest = name.split('/')
    if len(rest) != 2 or not block.startswith('block'):
        return name
    unit, layer = rest
    return f'stages.{int(block[5:]) - 1}.blocks.{int(unit[4:]) - 1}.{layer}'


def _torch_shape(tensor: torch.Tensor) -> torch.Tensor:
    """Transpose (h, w, in, out) to (out, in, h, w); vectors stay."""
    return tensor.permute(3, 2, 0, 1) if tensor.dim() == 4 else tensor.flatten()


REMEDIS = Layout(
    'BiT (TensorFlow)',
    'bit',
    f"an npz with a name that ends in '{KERNEL}'",
    recognises,
    translate,
    HALF,
)
