"""CLIP's modified ResNet for any image size.

Source: Radford et al., *Learning Transferable Visual Models From Natural Language
Supervision*, ICML 2021, section 2.4; the modules are those of OpenAI's ``clip``.
"""

from clip.model import ModifiedResNet
from torch import Tensor

from .image_size import resize_positions

try:
    from torch.func import functional_call
except ImportError:  # torch 1.13
    from torch.nn.utils.stateless import functional_call  # type: ignore[assignment]

POSITIONS = 'attnpool.positional_embedding'


def encode(visual: ModifiedResNet, images: Tensor) -> Tensor:
    """Turn images (N, 3, H, W) into features (N, D)."""
    height, width = (_last_map_side(side) for side in images.shape[-2:])
    if not height or not width:
        raise ValueError(
            f'images are {images.shape[-2]}x{images.shape[-1]}; CLIP ResNets need at '
            'least 31 pixels a side. Resize them in the data pipeline.'
        )
    positions = visual.attnpool.positional_embedding
    resized = resize_positions(positions, (height, width))
    if resized is positions:
        return visual(images)
    return functional_call(visual, {POSITIONS: resized}, (images,))


def _last_map_side(side: int) -> int:
    """Side of the map that reaches the attention pool.

    The first convolution (kernel 3, stride 2, padding 1) rounds up; the four average
    pools of stride 2 round down.
    """
    return (side + 1) // 2 // 16
