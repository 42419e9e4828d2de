"""Tissue that is being drawn, as maps of the dyes haematoxylin and eosin."""

from typing import Optional

import cv2
import numpy as np

from .shapes import blobs, ellipses

SIZE = 300  # pixels, a PatchGastric patch
FIXED_POINT = 4  # binary places of cv2's coordinates: contours move smoothly

# How much dye a structure takes up, 0 to 255: haematoxylin, eosin.
STROMA = (20, 105)
NUCLEUS = (230, 60)
EPITHELIUM = (70, 140)
LUMEN = (0, 0)


class Tissue:
    """A square of tissue that is being drawn.

    Args:
        rng: source of every random number.
        scale: magnification of the slide; it multiplies every length.
        size: edge of the square, pixels.
    """

    def __init__(
        self, rng: np.random.Generator, scale: float = 1.0, size: int = SIZE
    ) -> None:
        self.rng = rng
        self.scale = scale
        self.size = size
        self.patches = (size / SIZE) ** 2  # how many patches fit into the square
        self.haematoxylin = np.full((size, size), STROMA[0], np.uint8)
        self.eosin = _fibres(rng, size)

    def fill(
        self,
        contours: np.ndarray,
        dyes: tuple[int, int],
        shade: Optional[np.ndarray] = None,
    ) -> None:
        """Fill contours (n, points, 2) one after the other, anti-aliased.

        Args:
            contours: corners of the contours, pixels.
            dyes: haematoxylin and eosin of the structure, 0 to 255.
            shade: additional haematoxylin, (n,).
        """
        corners = np.ascontiguousarray(np.round(contours * 2**FIXED_POINT), np.int32)
        shades = np.zeros(len(corners)) if shade is None else shade
        for corner, extra in zip(corners, shades.tolist()):
            cv2.fillPoly(
                self.haematoxylin, [corner], dyes[0] + extra, cv2.LINE_AA, FIXED_POINT
            )
            cv2.fillPoly(self.eosin, [corner], dyes[1], cv2.LINE_AA, FIXED_POINT)

    def nuclei(
        self,
        centres: np.ndarray,
        length: np.ndarray,
        width: np.ndarray,
        angle: np.ndarray,
    ) -> None:
        """Draw nuclei; half axes in pixels at scale 1 and angles, (n,) each."""
        shade = self.rng.uniform(-30, 25, len(centres))
        contours = ellipses(centres, length * self.scale, width * self.scale, angle)
        self.fill(contours, NUCLEUS, shade)

    def irregular_nuclei(
        self, centres: np.ndarray, low: tuple[float, float], high: tuple[float, float]
    ) -> None:
        """Draw nuclei turned at random with half axes between `low` and `high`."""
        length, width = self.rng.uniform(low, high, (len(centres), 2)).T
        self.nuclei(centres, length, width, self.rng.uniform(0, np.pi, len(centres)))

    def cells(self, centres: np.ndarray) -> None:
        """Draw tumour cells outside of glands."""
        self.fill(blobs(self.rng, centres, 8.5 * self.scale, 12), EPITHELIUM)
        self.irregular_nuclei(centres, (4.5, 3.5), (6.5, 5))

    def concentrations(self) -> np.ndarray:
        """Return the dyes' concentrations, (2, size, size) float32, of mean 1 each."""
        dyes = np.stack([self.haematoxylin, self.eosin]).astype(np.float32)
        dyes = np.stack([cv2.GaussianBlur(dye, (0, 0), 0.8) for dye in dyes])
        return dyes / dyes.mean((1, 2), keepdims=True)


def _fibres(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return the eosin of the stroma, in waves along one direction."""
    angle, wave = rng.uniform(0, np.pi), rng.uniform(18, 30)
    knots = round(20 * size / SIZE)
    noise = rng.normal(size=(knots, knots)).astype(np.float32)
    bend = cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
    x, y = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    column = np.arange(size, dtype=np.float32)
    along = x * column + y * column[:, None]  # (size, size)
    waves = np.sin((along + 8 * bend) * np.float32(2 * np.pi / wave))
    return (STROMA[1] + 22 * waves + 8 * bend).astype(np.uint8)
