"""Pillow's resize of square images, bit for bit, in compiled loops."""

import functools
from typing import Any, Optional

import cv2
import numpy as np

from .load_kernels import load_kernels

FILTERS = {'bilinear': 1.0, 'bicubic': 2.0}  # radius


class Scratch:
    """Memory for intermediate results, one piece for each use.

    The system hands out fresh memory page by page, which costs more than the work that
    is done in it. A copy of this object, in another process too, has memory of its own.
    """

    def __init__(self) -> None:
        self._pieces: dict[str, np.ndarray] = {}

    def take(self, use: str, *shape: int) -> np.ndarray:
        """Return memory, uint8; the next call for this use hands it out again."""
        piece = self._pieces.get(use)
        if piece is None or piece.shape != shape:
            piece = self._pieces[use] = np.empty(shape, np.uint8)
        return piece

    def __reduce__(self) -> Any:
        return Scratch, ()


def can_resize(interpolation: str) -> bool:
    """Tell whether the loops are there and know the filter; else Pillow does it."""
    return interpolation in FILTERS and load_kernels() is not None


def resize_square(
    image: np.ndarray,
    size: int,
    interpolation: str,
    scratch: Scratch,
    edge: Optional[float] = None,
) -> np.ndarray:
    """Resize a square image, horizontally first as Pillow does, within ``scratch``.

    Source: Pillow, ``src/libImaging/Resample.c``.

    Args:
        image: (N, N, 3) uint8.
        size: edge of the result, pixels.
        interpolation: key of :data:`FILTERS`.
        scratch: memory for the results.
        edge: how much of the image counts from the top left, pixels; all by default.

    Returns:
        (size, size, 3) uint8, in memory that the next call overwrites.
    """
    kernels: Any = load_kernels()
    source = len(image)
    taps = _taps(source, size, interpolation, source if edge is None else edge)
    # Transposed, so that both passes add up whole rows.
    columns = cv2.transpose(image, scratch.take('columns', source, source, 3))
    narrow = scratch.take('narrow', size, source, 3)
    kernels.resample_rows(columns.reshape(source, -1), *taps, narrow.reshape(size, -1))
    rows = cv2.transpose(narrow, scratch.take('rows', source, size, 3))
    out = scratch.take('out', size, size, 3)
    kernels.resample_rows(rows.reshape(source, -1), *taps, out.reshape(size, -1))
    return out


@functools.lru_cache(maxsize=64)
def _taps(
    source: int, target: int, interpolation: str, edge: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return where each output's weights start, (target,), and the weights * 2^22."""
    scale = float(np.float32(edge)) / target  # Pillow keeps a box in single precision
    stretch = max(scale, 1.0)
    radius = FILTERS[interpolation] * stretch
    first = np.zeros(target, np.int64)
    weights = np.zeros((target, int(np.ceil(radius)) * 2 + 1), np.int32)
    for j in range(target):
        centre = (j + 0.5) * scale
        low = max(int(centre - radius + 0.5), 0)
        high = min(int(centre + radius + 0.5), source)
        x = (np.arange(low, high) - centre + 0.5) * (1 / stretch)
        w = _cubic(np.abs(x)) if interpolation == 'bicubic' else 1 - np.abs(x)
        w = np.maximum(w, 0) if interpolation == 'bilinear' else w
        w = w / w.sum() * (1 << 22)
        first[j] = low
        weights[j, : high - low] = np.trunc(w + np.copysign(0.5, w))
    return first, weights


def _cubic(x: np.ndarray, a: float = -0.5) -> np.ndarray:
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))
