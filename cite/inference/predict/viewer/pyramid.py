"""The slide in small pictures of every scale, from which a viewer loads what it shows.

DeepZoom's scheme, by the reader's own protocol instead of ``openslide.deepzoom``: that
needs an OpenSlide handle, reads the whole slide where there is no tissue either, and
leaves transparent areas to the caller.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image

EDGE = 256  # pixels of a picture
_QUALITY = 80
_CHEAP = 1024  # pixels: an area without tissue is read at once up to this edge
_UNREADABLE = 208  # grey, never white as glass is


class Pyramid(NamedTuple):
    """What a viewer has to know of the pictures."""

    width: int
    height: int
    top: int  # number of the finest level; 0 is a single picture
    downsample: float  # level-0 pixels to one of the finest level
    exists: list[np.ndarray]  # (rows, columns) bool for each level


def write_pyramid(
    reader: Any, folder: Path, downsample: float, tissue: np.ndarray
) -> Pyramid:
    """Write ``{level}/{column}_{row}.jpg``; without tissue only the coarse ones.

    Args:
        reader: the slide.
        folder: where to.
        downsample: level-0 pixels to one of the finest level, 1 or more.
        tissue: boxes of the tissue, (N, 4) left, top, right, bottom at level 0.
    """
    writer = _Writer(reader, folder, max(1.0, downsample), tissue)
    writer.make(0, 0, 0)
    return writer.pyramid


class _Writer:
    def __init__(
        self, reader: Any, folder: Path, downsample: float, tissue: np.ndarray
    ) -> None:
        self.reader, self.folder = reader, folder
        # Between a few patches far apart, there would be white pictures alone.
        self.only_tissue = getattr(reader, 'only_patches', False)
        width, height = (math.ceil(n / downsample) for n in reader.dimensions)
        top = max(0, math.ceil(math.log2(max(width, height) / EDGE)))
        exists = []
        for level in range(top + 1):
            edge = EDGE * 2 ** (top - level)
            shape = (math.ceil(height / edge), math.ceil(width / edge))
            exists.append(np.zeros(shape, bool))
            (folder / str(level)).mkdir(parents=True)
        self.pyramid = Pyramid(width, height, top, downsample, exists)
        self.tissue = self._cells(tissue / downsample)

    def _cells(self, boxes: np.ndarray) -> np.ndarray:
        """Return which pictures of the finest level show tissue, (rows, columns)."""
        cells = np.zeros(self.pyramid.exists[-1].shape, bool)
        for left, top, right, bottom in boxes.clip(0):
            rows = slice(int(top // EDGE), math.ceil(bottom / EDGE))
            cells[rows, int(left // EDGE) : math.ceil(right / EDGE)] = True
        return cells

    def make(self, level: int, column: int, row: int) -> np.ndarray:
        """Write a picture and all below it, and return it."""
        pyramid = self.pyramid
        step = 2 ** (pyramid.top - level)  # of the finest pixels to one of these
        if level == pyramid.top or not self._worth_more(column, row, step):
            picture = self._read(column, row, step)
        else:
            picture = self._join(level, column, row)
        path = self.folder / str(level) / f'{column}_{row}.jpg'
        Image.fromarray(picture).save(path, 'JPEG', quality=_QUALITY)
        pyramid.exists[level][row, column] = True
        return picture

    def _worth_more(self, column: int, row: int, step: int) -> bool:
        if self._has_tissue(column, row, step):
            return True
        if self.only_tissue:
            return False
        scale = step * self.pyramid.downsample
        return EDGE * scale / self.reader.downsamples[self._level(scale)] > _CHEAP

    def _has_tissue(self, column: int, row: int, step: int) -> bool:
        rows, columns = slice(row * step, row * step + step), column * step
        return bool(self.tissue[rows, columns : columns + step].any())

    def _level(self, scale: float) -> int:
        """Return the coarsest level that is as fine as a scale."""
        fine = [i for i, d in enumerate(self.reader.downsamples) if d <= scale * 1.01]
        return fine[-1] if fine else 0

    def _shape(self, column: int, row: int, step: int) -> tuple[int, int]:
        """Return a picture's width and height; the last ones are smaller."""
        width = min(EDGE * step, self.pyramid.width - column * EDGE * step)
        height = min(EDGE * step, self.pyramid.height - row * EDGE * step)
        return math.ceil(width / step), math.ceil(height / step)

    def _read(self, column: int, row: int, step: int) -> np.ndarray:
        scale = step * self.pyramid.downsample
        level = self._level(scale)
        share = scale / self.reader.downsamples[level]
        shape = self._shape(column, row, step)
        if self.only_tissue and not self._has_tissue(column, row, step):
            return np.full((*shape[::-1], 3), 255, np.uint8)
        width, height = (max(1, round(n * share)) for n in shape)
        left, top = (round(n * EDGE * scale) for n in (column, row))
        try:
            area = self.reader.read(left, top, level, width, height)
        except MemoryError:
            raise
        except Exception:  # as the reader's library has it; tiles are counted elsewhere
            return np.full((*shape[::-1], 3), _UNREADABLE, np.uint8)
        return cv2.resize(area, shape, interpolation=cv2.INTER_AREA)

    def _join(self, level: int, column: int, row: int) -> np.ndarray:
        rows, columns = self.pyramid.exists[level + 1].shape
        strips = []
        for below in range(2 * row, min(2 * row + 2, rows)):
            beside = range(2 * column, min(2 * column + 2, columns))
            strips.append(np.hstack([self.make(level + 1, c, below) for c in beside]))
        joined = np.vstack(strips)
        shape = self._shape(column, row, 2 ** (self.pyramid.top - level))
        return cv2.resize(joined, shape, interpolation=cv2.INTER_AREA)
