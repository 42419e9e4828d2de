"""The augmentation of a patch's planes (3, N, N), bit for bit as Pillow does it."""

from collections.abc import Sequence
from itertools import permutations
from typing import Any, NamedTuple, Optional

import cv2
import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision import transforms as T

from cite.core import resize
from cite.core.resize import Scratch
from cite.core.seeding import random_words
from cite.datasets.samplers import Draw

# Orders of brightness, saturation and hue, as torchvision numbers them.
_ORDERS = np.array([*permutations((0, 2, 3))])
_AT_ONCE = 64  # draws
_TURNS = (
    None,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)


class RandomQuarterTurn(nn.Module):
    """Turn an image by 0, 90, 180 or 270 degrees, each as likely; only moves pixels."""

    def forward(self, image: Image.Image) -> Image.Image:
        """Turn the image, (H, W) to (W, H) for odd turns."""
        turn = _TURNS[int(torch.randint(len(_TURNS), ()))]
        return image if turn is None else image.transpose(turn)


class Augmentation(NamedTuple):
    """One draw of the augmentation.

    Args:
        order: steps as torchvision numbers them: 0 (brightness), 1 (contrast: leaves
            the image as it is), 2 (saturation) and 3 (hue), as whole numbers.
        brightness: factor.
        saturation: factor.
        hue: shift, in turns of the circle.
        flip_x: flip left-right.
        flip_y: flip top-bottom, after that.
        turn: number of quarter turns counter-clockwise, 0 to 3, after that.
    """

    order: np.ndarray
    brightness: float
    saturation: float
    hue: float
    flip_x: bool
    flip_y: bool
    turn: int


class Augmenter:
    """Draws augmentations, uniformly from the ranges of a colour jitter.

    Args:
        jitter: the ranges of brightness, saturation and hue.
    """

    def __init__(self, jitter: T.ColorJitter) -> None:
        self._jitter = jitter
        # torchvision has None for a range that leaves images as they are.
        self._ranges = jitter.brightness, jitter.saturation or (1, 1), jitter.hue
        self._kept: tuple[Any, list[Augmentation]] = (None, [])

    def at_random(self) -> Augmentation:
        """Draw as torchvision's transforms do, from torch's own random numbers."""
        jitter = self._jitter
        order, brightness, _, saturation, hue = jitter.get_params(
            jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue
        )
        assert brightness is not None
        assert hue is not None
        saturation = 1.0 if saturation is None else saturation
        flip_x, flip_y = (float(torch.rand(1)) < 0.5 for _ in range(2))
        turn = int(torch.randint(len(_TURNS), ()))
        return Augmentation(
            order.numpy(), brightness, saturation, hue, flip_x, flip_y, turn
        )

    def of(self, draw: Draw) -> Augmentation:
        """Return the augmentation of a draw, a function of its seed and k alone."""
        # A worker's draws follow one another, so they are made many at once.
        block, place = divmod(draw.k, _AT_ONCE)
        if self._kept[0] != (draw.seed, block):
            words = random_words(draw.seed, block * _AT_ONCE, _AT_ONCE)
            self._kept = (draw.seed, block), self._translate(words)
        return self._kept[1][place]

    def _translate(self, words: np.ndarray) -> list[Augmentation]:
        """Turn words, (n, 4), into n augmentations.

        The last word's high half is the order's; its lowest bits are those of the flips
        and the turn.
        """
        ranges = np.array(self._ranges)  # (3, 2)
        shares = (words[:, :3] >> np.uint64(11)) * 2.0**-53  # (n, 3), below 1
        colours = ranges[:, 0] + shares * (ranges[:, 1] - ranges[:, 0])
        last = words[:, 3]
        orders = _ORDERS[(last >> np.uint64(32)) % np.uint64(len(_ORDERS))]
        return [
            Augmentation(order, b, s, h, bool(bits & 1), bool(bits & 2), bits >> 2 & 3)
            for order, (b, s, h), bits in zip(orders, colours.tolist(), last.tolist())
        ]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, '_kept': (None, [])}


class PendingPatch(NamedTuple):
    """A patch before its augmentation, which is done where its batch is put together.

    Args:
        planes: (3, N, N), uint8.
        augmentation: its draw; None leaves the patch as it is.
        scratch: memory for intermediate results.
    """

    planes: np.ndarray
    augmentation: Optional[Augmentation]
    scratch: Scratch

    def tensor(self) -> torch.Tensor:
        """Return the augmented patch, (3, N, N), uint8, in memory of its own."""
        # A cache's memory, which is read-only, is never handed out.
        if self.augmentation is None and self.planes.flags.writeable:
            return torch.from_numpy(self.planes)
        out = np.empty_like(self.planes)
        self.write(out)
        return torch.from_numpy(out)

    def write(self, out: np.ndarray) -> None:
        """Write the augmented patch into ``out``, (3, N, N), uint8."""
        if self.augmentation is None:
            out[:] = self.planes
            return
        # Colours last, because they are written in the order of memory.
        planes = self.planes
        if any(self.augmentation[-3:]):
            planes = self.scratch.take('moved', *out.shape)
            move_planes(self.planes, self.augmentation, planes)
        jitter_planes(planes, self.augmentation, out)


def augment_image(image: Image.Image, augmentation: Augmentation) -> Image.Image:
    """Augment an image, (N, N) pixels, by Pillow."""
    image = _jitter_by_pillow(image, augmentation)
    if augmentation.flip_x:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if augmentation.flip_y:
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    turn = _TURNS[augmentation.turn]
    return image if turn is None else image.transpose(turn)


def passes_images(steps: Sequence[Any]) -> bool:
    """Tell whether a pipeline's steps after the first leave images as they are."""
    for step in steps[1:]:
        kind, keys = type(step).__name__, getattr(step, 'keys', ())
        if kind != 'Collect' and (kind != 'ToTensor' or 'img' in keys):
            return False
    return bool(steps)


def jitter_planes(
    planes: np.ndarray, augmentation: Augmentation, out: np.ndarray
) -> None:
    """Change the colours of (3, H, W), uint8, as ``T.ColorJitter`` does, into ``out``.

    Of the augmentation the colours count.
    """
    kernels: Any = resize.load_kernels()
    if kernels is None:
        image = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
        out[:] = np.asarray(_jitter_by_pillow(image, augmentation)).transpose(2, 0, 1)
        return
    kernels.jitter(
        planes.reshape(-1),
        out.reshape(-1),
        augmentation.order,
        np.float32(augmentation.brightness),
        np.float32(augmentation.saturation),
        np.int32(int(augmentation.hue * 255) & 255),
    )


def move_planes(
    planes: np.ndarray, augmentation: Augmentation, out: np.ndarray
) -> None:
    """Move pixels of (3, N, N) as an augmentation says, into ``out``."""
    *_, flip_x, flip_y, turn = augmentation
    # All of them together are one transposition at most, then flips: a quarter turn
    # transposes and flips top-bottom, a half turn flips both ways.
    if turn % 2:
        flip_x, flip_y = flip_y, flip_x
        flip_y = not flip_y
    if turn >= 2:
        flip_x, flip_y = not flip_x, not flip_y
    code = -1 if flip_x and flip_y else int(flip_x)
    for plane, target in zip(planes, out):
        source = cv2.transpose(plane, target) if turn % 2 else plane
        if flip_x or flip_y:
            cv2.flip(source, code, target)
        elif source is plane:
            target[:] = plane


def _jitter_by_pillow(image: Image.Image, augmentation: Augmentation) -> Image.Image:
    for step in augmentation.order:
        if step == 0:
            image = T.functional.adjust_brightness(image, augmentation.brightness)
        elif step == 2:
            image = T.functional.adjust_saturation(image, augmentation.saturation)
        elif step == 3:
            image = T.functional.adjust_hue(image, augmentation.hue)
    return image
