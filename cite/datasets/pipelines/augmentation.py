"""The augmentation of a patch's planes (3, N, N), bit for bit as Pillow does it."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import cv2
import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision import transforms as T

from cite.core import resize
from cite.core.resize import Scratch

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
        colours: parameters from ``T.ColorJitter.get_params``, without contrast.
        flip_x: flip left-right.
        flip_y: flip top-bottom, after that.
        turn: number of quarter turns counter-clockwise, 0 to 3, after that.
    """

    colours: tuple[Any, ...]
    flip_x: bool
    flip_y: bool
    turn: int


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
        colours, flip_x, flip_y, turn = self.augmentation
        jittered = jitter_planes(self.planes, colours, self.scratch)
        move_planes(jittered, flip_x, flip_y, turn, out)


def passes_images(steps: Sequence[Any]) -> bool:
    """Tell whether a pipeline's steps after the first leave images as they are."""
    for step in steps[1:]:
        kind, keys = type(step).__name__, getattr(step, 'keys', ())
        if kind != 'Collect' and (kind != 'ToTensor' or 'img' in keys):
            return False
    return bool(steps)


def jitter_planes(
    planes: np.ndarray, params: tuple[Any, ...], scratch: Scratch
) -> np.ndarray:
    """Change the colours as ``T.ColorJitter`` does with these parameters.

    Args:
        planes: (3, H, W), uint8.
        params: parameters from ``T.ColorJitter.get_params``, without contrast.
        scratch: memory for the result, which has the same form.
    """
    order, brightness, _, saturation, hue = params
    kernels: Any = resize.load_kernels()
    if kernels is None:
        return _jitter_by_pillow(planes, params)
    out = scratch.take('jitter', *planes.shape)
    kernels.jitter(
        planes.reshape(-1),
        out.reshape(-1),
        order.numpy(),
        np.float32(brightness),
        np.float32(saturation),
        np.int32(int(hue * 255) & 255),
    )
    return out


def move_planes(
    planes: np.ndarray, flip_x: bool, flip_y: bool, turn: int, out: np.ndarray
) -> None:
    """Move pixels of (3, N, N) as an :class:`Augmentation` does, into ``out``."""
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


def _jitter_by_pillow(planes: np.ndarray, params: tuple[Any, ...]) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    order, brightness, _, saturation, hue = params
    for step in order:
        if step == 0:
            image = T.functional.adjust_brightness(image, brightness)
        elif step == 2:
            image = T.functional.adjust_saturation(image, saturation)
        elif step == 3:
            image = T.functional.adjust_hue(image, hue)
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
