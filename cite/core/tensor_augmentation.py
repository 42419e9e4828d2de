"""The augmentation of uint8 batches where the model is, with the bytes of Pillow.

The arithmetic is that of :mod:`cite.core.kernels`, one operation after another: no
product and sum are joined, so a device that follows IEEE 754 gives the same bytes.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

AUGMENTATION = 'augmentation'  # key of mmcls' img_norm_cfg: what is left to the model


def augment(images: Tensor, augmentations: Sequence[Any]) -> Tensor:
    """Augment a batch on its device.

    Args:
        images: (N, 3, S, S), uint8.
        augmentations: a :class:`cite.datasets.pipelines.augmentation.Augmentation` of
            each image, or None for one that stays as it is.

    Returns:
        (N, 3, S, S), uint8, in memory of its own.
    """
    images = _move(images, augmentations)
    groups: dict[tuple[int, int], list[int]] = {}  # images by place in order, and step
    for i, augmentation in enumerate(augmentations):
        order = [] if augmentation is None else augmentation.order.tolist()
        for place, step in enumerate(order):
            groups.setdefault((place, step), []).append(i)
    for (_, step), members in sorted(groups.items()):
        if step in _STEPS:
            rows = torch.tensor(members, device=images.device)
            settings = [augmentations[i] for i in members]
            images[rows] = _STEPS[step](images[rows].float(), settings).to(torch.uint8)
    return images


def _move(images: Tensor, augmentations: Sequence[Any]) -> Tensor:
    """Flip and turn: images with the same moves together."""
    moved = torch.empty_like(images)
    moves = [(False, False, 0) if a is None else (*a[-3:],) for a in augmentations]
    for move in {*moves}:
        members = [i for i, other in enumerate(moves) if other == move]
        rows = torch.tensor(members, device=images.device)
        flip_x, flip_y, turn = move
        axes = [axis for axis, flips in ((3, flip_x), (2, flip_y)) if flips]
        moved[rows] = images[rows].flip(axes).rot90(turn, (2, 3))
    return moved


def _factors(values: Sequence[float], images: Tensor) -> Tensor:
    """Return a factor for each image, (N, 1, 1, 1), float32."""
    factors = torch.tensor(values, dtype=torch.float32, device=images.device)
    return factors[:, None, None, None]


def _brightness(x: Tensor, settings: Sequence[Any]) -> Tensor:
    return (x * _factors([a.brightness for a in settings], x)).clamp(max=255)


def _saturation(x: Tensor, settings: Sequence[Any]) -> Tensor:
    red, green, blue = x.split(1, dim=1)
    # Whole numbers below 2^24: exact.
    luma = red * 19595 + green * 38470 + blue * 7471 + 0x8000
    grey = (luma * 2**-16).floor()
    change = (x - grey) * _factors([a.saturation for a in settings], x)
    return (grey + change).clamp(0, 255)


def _hue(x: Tensor, settings: Sequence[Any]) -> Tensor:
    shift = _factors([int(a.hue * 255) & 255 for a in settings], x).int()
    red, green, blue = x.split(1, dim=1)
    high, low = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    spread = high - low
    is_red, is_green = red == high, green == high
    e = torch.where(
        is_red, green - blue, torch.where(is_green, blue - red, red - green)
    )
    sector = torch.where(is_red, 0.0, torch.where(is_green, 2.0, 4.0))
    sign = torch.where(e >= 0, 1.0, -1.0)
    away = (spread - sign * e) / spread.clamp(min=1)
    # A GPU would multiply by the reciprocal of a plain 6.
    h = ((sector + sign) - sign * away) / torch.full_like(away, 6)
    h = torch.where(h < 0, 1 + h, h)
    # Pillow keeps hue and saturation in a byte each.
    turned = ((h * 255).int() + shift) & 255
    at = turned.float() * 6  # position on a circle of 1530 steps
    s = (spread / high.clamp(min=1) * 255).floor() * (1 / 255**2)
    parts = [510 - (at - 765).abs(), (at - 510).abs() - 255, (at - 1020).abs() - 255]
    part = torch.cat(parts, dim=1).clamp(0, 255)
    return high * (1 - s * part) + 0.5


# As torchvision numbers them; 1, contrast, leaves an image as it is.
_STEPS = {0: _brightness, 2: _saturation, 3: _hue}
