"""The pixels of a tile."""

import math
import threading
from typing import NamedTuple

import numpy as np
from PIL import Image

from cite.core.messages import first_line
from cite.core.resize import Scratch, can_resize, resize_square

from .grid import Grid
from .reader import SlideReader

_own = threading.local()


class TileError(OSError):
    """A tile that cannot be read: it is missing, never white.

    Attributes:
        name: the slide.
        x: left edge in pixels of level 0.
        y: top edge in pixels of level 0.
        reason: what the reader says.
    """

    def __init__(self, name: str, x: int, y: int, reason: str) -> None:
        super().__init__(name, x, y, reason)
        self.name, self.x, self.y, self.reason = name, x, y, reason

    def __str__(self) -> str:
        return f'{self.name}: the tile at {self.x}, {self.y}: {self.reason}'


class Region(NamedTuple):
    """A tile in pixels of the level that it is read from."""

    read: int  # whole pixels that are read
    edge: float  # what of them is the tile


def tile_region(reader: SlideReader, grid: Grid) -> Region:
    """Return how much of the grid's level a tile takes."""
    edge = grid.size / reader.downsamples[grid.level]
    whole = round(edge)
    if abs(edge - whole) * max(1, grid.patch_pixels / edge) < 0.01:
        edge = float(max(1, whole))
    return Region(math.ceil(edge), edge)


def read_tile(reader: SlideReader, grid: Grid, index: int) -> np.ndarray:
    """Read a tile, resized once; the same pixels in every process and at every time.

    Args:
        reader: the slide.
        grid: its tiles.
        index: number of the tile.

    Returns:
        (patch_pixels, patch_pixels, 3) uint8, RGB.

    Raises:
        TileError: it cannot be read.
    """
    x, y = int(grid.x[index]), int(grid.y[index])
    region = tile_region(reader, grid)
    try:
        pixels = reader.read(x, y, grid.level, region.read, region.read)
    except OSError as error:
        raise TileError(reader.name, x, y, first_line(error)) from error
    edge = grid.patch_pixels
    if pixels.shape[:2] == (edge, edge) and region.edge == edge:
        return pixels
    return _resize(pixels, edge, region.edge)


def _resize(pixels: np.ndarray, size: int, edge: float) -> np.ndarray:
    """Resize the top left square of pixels (N, N, 3) as Pillow does."""
    if can_resize('bicubic'):
        # Threads of one process read tiles side by side: each has its own memory.
        if not hasattr(_own, 'scratch'):
            _own.scratch = Scratch()
        return resize_square(pixels, size, 'bicubic', _own.scratch, edge).copy()
    image, box = Image.fromarray(pixels), (0, 0, edge, edge)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
