"""A patch as uint8 planes (3, H, W): decoded and resized.

The planes are Pillow's, bit for bit, only sooner: OpenCV decodes with the same
libjpeg-turbo, the rest is in ``cite.core.kernels``. Pillow itself does it if a file is
not a plain three-channel JPEG or not square, if a filter is not compiled, or if numba
is missing or has no folder for its compiled code.
"""

import functools
import os
import struct
from collections.abc import Sequence
from typing import Any, Optional

import cv2
import numpy as np
from PIL import Image

from cite.core.files.patch_file import MOST_PIXELS
from cite.core.load_kernels import load_kernels

from .patch import Results, filename_of, read_patch

_FILTERS = {'bilinear': 1.0, 'bicubic': 2.0}  # radius
# Segments that may precede a JPEG's frame: DHT, DAC, DQT, DRI, APPn, COM.
_TABLES = {0xC4, 0xCC, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE}
_READ = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


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


def load_planes(
    results: Results, size: int, interpolation: str, scratch: Scratch
) -> np.ndarray:
    """Read and resize an item's patch.

    Args:
        results: item of a data set; see :func:`read_patch`.
        size: edge of the square, pixels.
        interpolation: name of a filter of Pillow's.
        scratch: memory for intermediate results.

    Returns:
        (3, size, size), uint8, RGB.
    """
    image = None if results.get('img_pil') is not None else _decode_jpeg(results)
    bgr = image is not None
    if image is None:
        image = np.asarray(read_patch(results))  # (H, W, 3)
    # Pillow's versions differ in which direction of a rectangle they do first.
    square = image.shape[0] == image.shape[1]
    if load_kernels() is not None and interpolation in _FILTERS and square:
        planes: Any = _resize(cv2.split(image), size, interpolation, scratch)
    else:
        resample = Image.Resampling[interpolation.upper()]
        resized = Image.fromarray(image).resize((size, size), resample)
        planes = cv2.split(np.asarray(resized))
    # RGB last, and copied: a view with negative strides is slow to read.
    return np.stack(planes[::-1] if bgr else planes)


def _decode_jpeg(results: Results) -> Optional[np.ndarray]:
    """Decode a whole three-channel JPEG, BGR; None for all else, which is Pillow's."""
    path: Any = filename_of(results)
    try:
        if not os.path.isfile(path):  # a pipe would block; Pillow's reader reports it
            return None
        with open(path, 'rb') as file:
            data = file.read()
    except (OSError, TypeError):
        return None
    if not _is_plain_jpeg(data):
        return None
    return cv2.imdecode(np.frombuffer(data, np.uint8), _READ)


def _is_plain_jpeg(data: bytes) -> bool:
    """Tell whether it starts and ends like a JPEG and has three components.

    A frame of more pixels than any patch is left to the reader that refuses it: OpenCV
    would make a gigabyte out of a few hundred bytes that claim such a size.
    """
    # A truncated file would be filled up with grey by OpenCV.
    if data[:2] != b'\xff\xd8' or data[-2:] != b'\xff\xd9':
        return False
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xC2:  # baseline, extended and progressive frames
            height, width = struct.unpack_from('>HH', data, at + 5)
            limit = min(MOST_PIXELS, Image.MAX_IMAGE_PIXELS or MOST_PIXELS)
            return data[at + 9] == 3 and height * width <= limit
        # A decoder may read a marker without a length, or another frame, differently.
        if marker not in _TABLES:
            return False
        at += 2 + int.from_bytes(data[at + 2 : at + 4], 'big')
    return False


def _resize(
    planes: Sequence[np.ndarray], size: int, interpolation: str, scratch: Scratch
) -> np.ndarray:
    """Resize squares (N, N), horizontally first as Pillow does, within ``scratch``."""
    kernels: Any = load_kernels()
    source = len(planes[0])
    taps = _taps(source, size, interpolation)
    # Transposed, so that both passes add up whole rows of all three planes at once.
    columns = scratch.take('columns', source, 3, source)
    narrow = scratch.take('narrow', size, 3, source)
    rows = scratch.take('rows', source, 3, size)
    out = scratch.take('out', size, 3, size)
    for channel, plane in enumerate(planes):
        cv2.transpose(plane, columns[:, channel])
    kernels.resample_rows(columns.reshape(source, -1), *taps, narrow.reshape(size, -1))
    for channel in range(3):
        cv2.transpose(narrow[:, channel], rows[:, channel])
    kernels.resample_rows(rows.reshape(source, -1), *taps, out.reshape(size, -1))
    return out.transpose(1, 0, 2)  # (3, size, size)


@functools.lru_cache(maxsize=64)
def _taps(source: int, target: int, interpolation: str) -> tuple[Any, Any]:
    """Return where each output's weights start, (target,), and the weights * 2^22."""
    scale = source / target
    stretch = max(scale, 1.0)
    radius = _FILTERS[interpolation] * stretch
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
