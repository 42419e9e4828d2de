"""A patch as uint8 planes (3, H, W): decoded and resized.

Every function gives what Pillow gives, bit for bit, only faster: OpenCV decodes with
the same libjpeg-turbo, the rest is in ``kernels``. Where a file is not a plain
three-channel JPEG or not square, a filter is not compiled, or numba is not installed
or has no place for what it compiles, Pillow does it.
"""

import functools
import struct
from collections.abc import Sequence
from typing import Any, Optional

import cv2
import numpy as np
from PIL import Image

from cite.core.compiled import load_kernels

from .patch import Results, read_patch

_FILTERS = {'bilinear': 1.0, 'bicubic': 2.0}  # radius
# Segments that may stand before a JPEG's frame: DHT, DAC, DQT, DRI, APPn, COM.
_TABLES = {0xC4, 0xCC, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE}
_READ = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def load_planes(results: Results, size: int, interpolation: str) -> np.ndarray:
    """Read and resize an item's patch.

    Args:
        results: as :func:`read_patch` takes it.
        size: edge of the square, pixels.
        interpolation: a filter of Pillow's.

    Returns:
        (3, size, size), uint8, RGB.
    """
    image = None if results.get('img_pil') is not None else _decode_jpeg(results)
    bgr = image is not None
    if image is None:
        image = np.asarray(read_patch(results).convert('RGB'))  # (H, W, 3)
    # Of a rectangle, Pillow's versions differ in which direction they do first.
    square = image.shape[0] == image.shape[1]
    if load_kernels() is not None and interpolation in _FILTERS and square:
        planes: Any = _resize(cv2.split(image), size, interpolation)
    else:
        resample = Image.Resampling[interpolation.upper()]
        resized = Image.fromarray(image).resize((size, size), resample)
        planes = cv2.split(np.asarray(resized))
    # Turned last, and copied: a view that runs backwards is slow to go through.
    return np.stack(planes[::-1] if bgr else planes)


@functools.lru_cache(maxsize=16)
def scratch(use: str, *shape: int) -> np.ndarray:
    """Return memory, uint8, for a use that ends before the next call for it.

    The system hands out fresh memory page by page, which costs more than the work that
    is done in it.
    """
    return np.empty(shape, np.uint8)


def _decode_jpeg(results: Results) -> Optional[np.ndarray]:
    """Decode a whole three-channel JPEG, BGR; None for all else: Pillow judges it."""
    path: Any = (results.get('img_info') or {}).get('filename')
    try:
        with open(path, 'rb') as file:
            data = file.read()
    except (OSError, TypeError):
        return None
    if not _is_plain_jpeg(data):
        return None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), _READ)
    if image is None:
        return None
    results['filename'] = path
    return image


def _is_plain_jpeg(data: bytes) -> bool:
    """Whether it starts and ends like a JPEG and its frame has three components.

    A frame of more pixels than Pillow decodes without a word is for Pillow to judge:
    OpenCV makes a gigabyte of a few hundred bytes that claim to be one.
    """
    # A truncated file would be filled up with grey by OpenCV.
    if data[:2] != b'\xff\xd8' or data[-2:] != b'\xff\xd9':
        return False
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xC2:  # baseline, extended and progressive frames
            height, width = struct.unpack_from('>HH', data, at + 5)
            limit = Image.MAX_IMAGE_PIXELS
            return data[at + 9] == 3 and (limit is None or height * width <= limit)
        # Of what has no length, or is a frame too, a decoder may see it otherwise.
        if marker not in _TABLES:
            return False
        at += 2 + int.from_bytes(data[at + 2 : at + 4], 'big')
    return False


def _resize(planes: Sequence[np.ndarray], size: int, interpolation: str) -> np.ndarray:
    """Resize squares (N, N), across first as Pillow does.

    Returns:
        (3, size, size); the next call overwrites it.
    """
    kernels: Any = load_kernels()
    source = len(planes[0])
    taps = _taps(source, size, interpolation)
    # Turned, so that both passes add up whole rows, of all three planes at once.
    columns, rows = (
        scratch(use, source, 3, n) for use, n in (('columns', source), ('rows', size))
    )
    narrow, out = (
        scratch(use, size, 3, n) for use, n in (('narrow', source), ('out', size))
    )
    for channel, plane in enumerate(planes):
        cv2.transpose(plane, columns[:, channel])
    kernels.resample_rows(columns.reshape(source, -1), *taps, narrow.reshape(size, -1))
    for channel in range(3):
        cv2.transpose(narrow[:, channel], rows[:, channel])
    kernels.resample_rows(rows.reshape(source, -1), *taps, out.reshape(size, -1))
    return out.transpose(1, 0, 2)


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
