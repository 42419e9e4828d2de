"""A learnable border in pixel space, for backbones that take no prompt tokens.

Source: Bahng et al., *Exploring Visual Prompts for Adapting Large-Scale Models*, 2022,
arXiv:2203.17274, section 3 (the padding prompt).
"""

import torch
from torch import Tensor
from torch.nn import functional as F

# Sides of the border, in the order of the parameter's rows.
SIDES = ('top', 'bottom', 'left', 'right')


def add_border(images: Tensor, border: Tensor) -> Tensor:
    """Add a border to the outermost pixels of images of any size.

    Args:
        images: normalised images (N, 3, H, W).
        border: (4, 3, L, S): top, bottom, left and right strips, L pixels wide and S
            long. They are stretched to the images' sides; the left and right ones fit
            between the other two.

    Returns:
        (N, 3, H, W).

    Raises:
        ValueError: the images are too small for the border.
    """
    height, width = images.shape[-2:]
    thick = border.shape[2]
    if 2 * thick > min(height, width):
        raise ValueError(
            f'prompt_length={thick} is a border of {thick} pixels a side, for which '
            f'images of {height}x{width} are too small.'
        )
    top, bottom = stretch(border[:2], width)  # (3, L, W)
    left, right = stretch(border[2:], height - 2 * thick).transpose(-1, -2)
    hole = images.new_zeros(3, height - 2 * thick, width - 2 * thick)
    middle = torch.cat([left, hole, right], dim=2)  # (3, H - 2L, W)
    return images + torch.cat([top, middle, bottom], dim=1)


def stretch(strips: Tensor, length: int) -> Tensor:
    """Interpolate strips (n, 3, L, S) along their length: (n, 3, L, length)."""
    if strips.shape[-1] == length:
        return strips
    size = (strips.shape[-2], length)
    return F.interpolate(strips, size, mode='bilinear', align_corners=False)
