"""Where a slide has tissue."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from .outline import outline_rings
from .pen import find_pen
from .reader import SlideReader
from .thumbnail import read_thumbnail

MPP = 8.0  # microns per pixel at which tissue is looked for
# Bounds of the threshold on colour (largest minus smallest channel, of 255): noise of
# a JPEG's background stays below the floor, eosin is above the ceiling.
COLOUR = (8.0, 25.0)
DENSITY = (0.04, 0.15)  # bounds of the threshold on optical density
OBJECT_UM2 = 10_000.0  # smaller objects are dust, smaller holes belong to tissue
PALE = 20.0  # median colour below which tissue is called pale


@dataclass(frozen=True)
class Tissue:
    """The tissue of a slide.

    Attributes:
        mask: (H, W) bool.
        downsample: pixels of level 0 per pixel of the mask.
        thumbnail: (H, W, 3) uint8, the slide at the mask's size.
        area_mm2: area of the tissue.
        figures: thresholds and shares, numbers or text by name.
    """

    mask: np.ndarray
    downsample: float
    thumbnail: np.ndarray
    area_mm2: float
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of all tissue in pixels of level 0."""
        if not self.mask.any():
            return 0.0, 0.0, 0.0, 0.0
        columns = np.flatnonzero(self.mask.any(0))
        rows = np.flatnonzero(self.mask.any(1))
        pixels = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        left, top, right, bottom = (float(edge * self.downsample) for edge in pixels)
        return left, top, right, bottom

    def polygons(self) -> list[np.ndarray]:
        """Return the outlines in pixels of level 0, closed rings (N, 2) of x and y.

        An outer ring is followed by its holes, which run the other way round: the area
        by the shoelace formula is positive for outer rings and negative for holes.
        """
        return [ring * self.downsample for ring in outline_rings(self.mask)]

    def shares(self, x: np.ndarray, y: np.ndarray, size: int) -> np.ndarray:
        """Return the share of tissue of square boxes, (N,), exact to the mask's pixel.

        Args:
            x: left edges in pixels of level 0, (N,).
            y: top edges, (N,).
            size: edge of the boxes.
        """
        sums = self._sums
        left, right = x / self.downsample, (x + size) / self.downsample
        top, bottom = y / self.downsample, (y + size) / self.downsample
        inside = (
            _at(sums, bottom, right)
            - _at(sums, top, right)
            - _at(sums, bottom, left)
            + _at(sums, top, left)
        )
        return inside / (size / self.downsample) ** 2

    def note(self) -> str:
        """Say with figures that there is no tissue or that it is pale, else ''."""
        figures = ', '.join(f'{key} {value}' for key, value in self.figures.items())
        if not self.mask.any():
            return f'no tissue was found ({figures})'
        if self.figures.get('median colour', PALE) < PALE:
            return f'the tissue is pale; look at its outline ({figures})'
        return ''

    @cached_property
    def _sums(self) -> np.ndarray:
        """Sums of the mask above and left of each corner, (H + 1, W + 1)."""
        return cv2.integral(self.mask.astype(np.uint8), sdepth=cv2.CV_64F)


def find_tissue(reader: SlideReader, mpp: float = MPP) -> Tissue:
    """Find the tissue of a slide by its colour, without ink and dust.

    Otsu's threshold on colour within bounds; optical density where nothing has colour.
    What cannot be read counts as tissue, so that its tiles are tried and reported as
    missing.

    Source: Otsu, IEEE Trans. Syst. Man Cybern. 9 (1979) 62-66.

    Args:
        reader: the slide.
        mpp: microns per pixel at which to look.

    Raises:
        ValueError: nothing of the slide can be read.
    """
    thumbnail = read_thumbnail(reader, mpp)
    pixels, scale = thumbnail.pixels, thumbnail.downsample
    balanced = _balance(pixels, _scanned(reader, pixels.shape, scale))
    pen = find_pen(pixels)
    # A core of a microarray may be smaller than what is dust on a slide.
    smallest = min(OBJECT_UM2 / (scale * reader.mpp) ** 2, pen.size / 10)
    colour = balanced.max(2) - balanced.min(2)  # (H, W)
    threshold = _otsu(colour[~pen], *COLOUR)
    mask = _clean((colour > threshold) & ~pen, smallest)
    figures: dict[str, Any] = {'colour threshold': round(threshold, 1)}
    if not mask.any():
        density = -np.log10((balanced.mean(2) + 1) / 256)
        threshold = _otsu(density[~pen], *DENSITY)
        mask = _clean((density > threshold) & ~pen, smallest)
        figures['density threshold'] = round(threshold, 3)
    mask &= ~pen
    if mask.any():
        figures['median colour'] = round(float(np.median(colour[mask])), 1)
    else:
        figures['highest colour'] = round(float(np.percentile(colour, 99.9)), 1)
    figures['tissue share'] = round(float(mask.mean()), 4)
    figures['pen share'] = round(float(pen.mean()), 4)
    if thumbnail.unread.any():
        figures['unread share'] = round(float(thumbnail.unread.mean()), 4)
        mask |= thumbnail.unread
    return Tissue(mask, scale, pixels, area_mm2(reader, mask, scale), figures)


def area_mm2(reader: SlideReader, mask: np.ndarray, downsample: float) -> float:
    """Return the area of a mask in mm²."""
    return float(mask.sum() * (downsample * reader.mpp / 1000) ** 2)


def _scanned(
    reader: SlideReader, shape: tuple[int, ...], scale: float
) -> tuple[slice, slice]:
    """Return rows and columns of the thumbnail that were scanned."""
    if reader.bounds is None:
        return slice(None), slice(None)
    x, y, width, height = (round(side / scale) for side in reader.bounds)
    return slice(y, max(y + height, y + 1)), slice(x, max(x + width, x + 1))


def _balance(pixels: np.ndarray, scanned: tuple[slice, slice]) -> np.ndarray:
    """Make the background white, (H, W, 3) float32: lamps and sensors tint it.

    The background is the brightest twentieth, if it is bright.
    """
    inside = pixels[scanned].reshape(-1, 3)
    bright = inside.mean(1)
    if not len(inside):
        return pixels.astype(np.float32)
    white = np.median(inside[bright >= np.percentile(bright, 95)], axis=0)
    if white.min() < 180:
        return pixels.astype(np.float32)
    return np.minimum(pixels.astype(np.float32) * (255 / white), 255).astype(np.float32)


def _otsu(values: np.ndarray, low: float, high: float) -> float:
    """Return Otsu's threshold of values (N,), at least ``low`` and at most ``high``."""
    top = float(values.max(initial=0))
    if top <= low:
        return low
    grey = np.clip(values * (255 / top), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    return float(np.clip(threshold * top / 255, low, high))


def _clean(mask: np.ndarray, smallest: float) -> np.ndarray:
    """Drop objects and fill holes of fewer pixels than ``smallest``."""
    objects = _large(mask, smallest)
    # With a margin as large as a hole has to be, the surroundings are never filled.
    margin = math.ceil(math.sqrt(smallest))
    around = np.pad(~objects, margin, constant_values=True)
    inside = slice(margin, -margin)
    return ~_large(around, smallest)[inside, inside]


def _large(mask: np.ndarray, smallest: float) -> np.ndarray:
    """Keep the objects of a mask of at least ``smallest`` pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    keep = stats[:, cv2.CC_STAT_AREA] >= smallest
    keep[0] = False  # the background
    return keep[labels]


def _at(sums: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Read the sums at fractional corners: linear in between, so exact."""
    y = np.clip(y, 0, sums.shape[0] - 1)
    x = np.clip(x, 0, sums.shape[1] - 1)
    top = np.minimum(y.astype(np.int64), max(sums.shape[0] - 2, 0))
    left = np.minimum(x.astype(np.int64), max(sums.shape[1] - 2, 0))
    down, across = y - top, x - left
    upper = sums[top, left] * (1 - across) + sums[top, left + 1] * across
    lower = sums[top + 1, left] * (1 - across) + sums[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down
