"""Tissue of each grade: with glands of one kind or without glands."""

from typing import Callable

import numpy as np

from .shapes import blobs, ellipses, lattice
from .tissue import EPITHELIUM, LUMEN, SIZE, Tissue


def draw_well(tissue: Tissue) -> None:
    """Draw round regular glands: an open lumen, nuclei in line at the base."""
    rng = tissue.rng
    centres = lattice(rng, tissue.size, 100 * tissue.scale, jitter=0.06)
    length = 44 * tissue.scale * rng.uniform(0.88, 1.08, len(centres))
    width = length * rng.uniform(0.82, 1, len(centres))
    angle = rng.uniform(0, np.pi, len(centres))
    tissue.fill(ellipses(centres, length, width, angle, 48), EPITHELIUM)
    tissue.fill(ellipses(centres, 0.58 * length, 0.58 * width, angle, 48), LUMEN)
    base = ellipses(centres, 0.83 * length, 0.83 * width, angle, 32)  # (n, 32, 2)
    inward = np.arctan2(*np.moveaxis(base - centres[:, None], 2, 0)[::-1]).ravel()
    inward += rng.normal(0, 0.12, len(inward))
    ones = np.ones(len(inward))
    tissue.nuclei(base.reshape(-1, 2), 5.5 * ones, 3.2 * ones, inward)


def draw_moderately(tissue: Tissue) -> None:
    """Draw small irregular glands that touch and fuse, with slits for lumina."""
    rng = tissue.rng
    centres = lattice(rng, tissue.size, 40 * tissue.scale, jitter=0.15)
    centres = centres[rng.uniform(size=len(centres)) < 0.8]
    radius = tissue.scale * rng.uniform(17, 28, len(centres))
    walls = blobs(rng, centres, radius)  # (n, 24, 2)
    outward = walls - centres[:, None]
    tissue.fill(walls, EPITHELIUM)  # all before the first lumen, so that they fuse
    slit = rng.uniform(0.25, 0.45, (len(centres), 1, 1))
    tissue.fill(centres[:, None] + slit * outward, LUMEN)
    depth = rng.uniform(0.6, 0.95, (len(centres), 8, 1))
    places = centres[:, None] + depth * outward[:, ::3]
    tissue.irregular_nuclei(places.reshape(-1, 2), (4.5, 3), (7, 4.5))


def draw_non_solid(tissue: Tissue) -> None:
    """Draw no gland: single cells and short cords strewn through the stroma."""
    rng = tissue.rng
    number = int(38 * tissue.patches / tissue.scale**2)
    starts = rng.uniform(0, tissue.size, (number, 1, 2))
    angle = rng.uniform(0, 2 * np.pi, len(starts))
    step = 13 * tissue.scale * np.stack([np.cos(angle), np.sin(angle)], 1)
    cords = starts + np.arange(4)[:, None] * step[:, None]  # (n, 4, 2)
    cords += rng.normal(0, 1.5, cords.shape)
    within = np.arange(4) < rng.integers(1, 5, (len(starts), 1))
    tissue.cells(cords[within])


def draw_solid(tissue: Tissue) -> None:
    """Draw no gland: a sheet of cells side by side."""
    tissue.cells(lattice(tissue.rng, tissue.size, 17 * tissue.scale, jitter=0.11))


DRAW: dict[str, Callable[[Tissue], None]] = {
    'well': draw_well,
    'moderately': draw_moderately,
    'non-solid': draw_non_solid,
    'solid': draw_solid,
}


def draw_tissue(
    grade: str, rng: np.random.Generator, scale: float = 1.0, size: int = SIZE
) -> np.ndarray:
    """Draw a square of one grade.

    Args:
        grade: key of :data:`DRAW`.
        rng: source of every random number.
        scale: the slide's magnification.
        size: edge of the square, pixels.

    Returns:
        (2, size, size) float32, the dyes' concentrations: haematoxylin, eosin. Each has
        mean 1 for every grade, so that the colour does not tell the grade.
    """
    tissue = Tissue(rng, scale, size)
    stroma = rng.uniform(0, size, (round(25 * tissue.patches), 2))
    tissue.irregular_nuclei(stroma, (5, 1.5), (8, 2.2))
    DRAW[grade](tissue)
    return tissue.concentrations()
