"""A patch as uint8 planes (3, H, W): decoded and resized.

The planes are Pillow's, bit for bit, only sooner: OpenCV decodes with the same
libjpeg-turbo, the rest is in ``cite.core.resize``. Pillow itself does it if a file is
not a plain three-channel JPEG or not square, if a filter is not compiled, or if numba
is missing or has no folder for its compiled code.
"""

import os
import struct
from typing import Any, Optional

import cv2
import numpy as np
from PIL import Image

from cite.core.files.patch_file import MOST_PIXELS
from cite.core.resize import Scratch, can_resize, resize_square

from .patch import Results, filename_of, read_patch

# Segments that may precede a JPEG's frame: DHT, DAC, DQT, DRI, APPn, COM.
_TABLES = {0xC4, 0xCC, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE}
_READ = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


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
    if square and can_resize(interpolation):
        resized = resize_square(image, size, interpolation, scratch)
    else:
        resample = Image.Resampling[interpolation.upper()]
        resized = np.asarray(Image.fromarray(image).resize((size, size), resample))
    planes = cv2.split(resized)
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
