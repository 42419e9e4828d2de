"""A slide in small, read in pieces so that memory stays small too."""

import math
from collections.abc import Iterator
from typing import NamedTuple, Union

import numpy as np

from .reader import SlideReader

BLOCK = 1024  # pixels of a level that are read at once, in each direction
LARGEST = 200_000_000  # pixels; a slide of 100,000 x 200,000 has twenty million
SMALLEST = 64  # pixels below which an unreadable piece is not divided further


class Thumbnail(NamedTuple):
    """A slide in small."""

    pixels: np.ndarray  # (H, W, 3) uint8
    unread: np.ndarray  # (H, W) bool, where the file cannot be read
    downsample: float  # pixels of level 0 per pixel


def read_thumbnail(reader: SlideReader, mpp: float) -> Thumbnail:
    """Average a slide down to about ``mpp``; not coarser, unless level 0 is.

    A pixel is the mean of k x k pixels of a level. Pixel (i, j) covers level 0 from
    ``downsample * i`` on, without an offset.

    Raises:
        ValueError: nothing of the slide can be read, or it claims more pixels than any
            slide has.
    """
    target = max(1.0, mpp / reader.mpp)
    fine = [i for i, factor in enumerate(reader.downsamples) if factor <= target]
    level = max(fine, key=lambda i: reader.downsamples[i], default=0)
    factor = reader.downsamples[level]
    k = max(1, int(target / factor))
    width, height = (math.ceil(length / k) for length in reader.levels[level])
    if width * height > LARGEST:
        raise ValueError(
            f'{reader.path} claims {reader.dimensions[0]:,} x {reader.dimensions[1]:,} '
            f'pixels of {reader.mpp:.3g} microns, more than any slide has. Is the file '
            'damaged, or its mpp wrong?'
        )
    pixels = np.full((height, width, 3), 255, np.uint8)
    unread = np.zeros((height, width), bool)
    edge = max(1, BLOCK // k)
    reasons = set()
    for top in range(0, height, edge):
        for left in range(0, width, edge):
            box = left, top, min(edge, width - left), min(edge, height - top)
            for (x, y, w, h), piece in _pieces(reader, level, k, box):
                if isinstance(piece, OSError):
                    unread[y : y + h, x : x + w] = True
                    reasons.add(str(piece))
                else:
                    pixels[y : y + h, x : x + w] = piece
    if unread.all():
        raise ValueError(
            f'{reader.path}: nothing of the slide can be read: {min(reasons)}. Copy '
            'the file again.'
        )
    return Thumbnail(pixels, unread, factor * k)


def _pieces(
    reader: SlideReader, level: int, k: int, box: tuple[int, int, int, int]
) -> Iterator[tuple[tuple[int, int, int, int], Union[np.ndarray, OSError]]]:
    """Yield boxes with their pixels, or with the error; what fails is divided."""
    try:
        yield box, _mean(reader, level, k, box)
    except OSError as error:
        x, y, w, h = box
        if max(w, h) * k <= SMALLEST or max(w, h) == 1:
            yield box, error
            return
        half_w, half_h = (w + 1) // 2, (h + 1) // 2
        for dy, part_h in ((0, half_h), (half_h, h - half_h)):
            for dx, part_w in ((0, half_w), (half_w, w - half_w)):
                if part_w and part_h:
                    yield from _pieces(
                        reader, level, k, (x + dx, y + dy, part_w, part_h)
                    )


def _mean(
    reader: SlideReader, level: int, k: int, box: tuple[int, int, int, int]
) -> np.ndarray:
    """Average k x k pixels of a level over a box of the thumbnail."""
    factor = reader.downsamples[level]
    width, height = reader.levels[level]
    x, y, w, h = (side * k for side in box)
    w, h = min(w, width - x), min(h, height - y)
    pixels = reader.read(round(x * factor), round(y * factor), level, w, h)
    if k == 1:
        return pixels
    pad = ((0, -h % k), (0, -w % k), (0, 0))
    whole = np.pad(pixels, pad, mode='edge')
    blocks = whole.reshape(whole.shape[0] // k, k, whole.shape[1] // k, k, 3)
    return np.rint(blocks.mean((1, 3), dtype=np.float32)).astype(np.uint8)
