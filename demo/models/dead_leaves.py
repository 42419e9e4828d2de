import cv2
import numpy as np
import torch
from torch import Tensor

_BITS = 4  # binary places of cv2's coordinates


def dead_leaves(count: int, size: int, seed: int = 0) -> Tensor:
    """Draw overlapping discs, the crudest model of natural images.

    Mean size and colours of the discs differ from picture to picture.

    Source: Lee, Mumford and Huang, Int. J. Comput. Vision 41, 2001.

    Args:
        count: number of pictures.
        size: edge of a picture, pixels.
        seed: seed of the drawing.

    Returns:
        (count, 3, size, size), 0 to 1.
    """
    rng = np.random.default_rng(seed)
    pictures = np.stack([_picture(rng, size) for _ in range(count)])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def _picture(rng: np.random.Generator, size: int) -> np.ndarray:
    mean_radius = size * np.exp(rng.uniform(np.log(0.02), np.log(0.15)))
    discs = min(int(3 / np.pi * (size / mean_radius) ** 2), 1500)
    radius = mean_radius * np.exp(rng.normal(0, 0.4, discs))
    place = rng.uniform(0, size, (discs, 2))
    hue, spread = rng.uniform(0, 255, 3), rng.uniform(10, 80)
    colour = np.clip(rng.normal(hue, spread, (discs, 3)), 0, 255)
    picture = np.full((size, size, 3), hue, np.uint8)
    for (x, y), r, c in zip(place * 2**_BITS, radius * 2**_BITS, colour.tolist()):
        cv2.circle(picture, (int(x), int(y)), int(r), c, -1, cv2.LINE_AA, _BITS)
    return picture
