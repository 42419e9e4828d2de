"""Closed contours and places for them, many at a time."""

from typing import Union

import numpy as np

Lengths = Union[float, np.ndarray]


def ellipses(
    centres: np.ndarray,
    length: Lengths,
    width: Lengths,
    angle: Lengths = 0.0,
    points: int = 12,
) -> np.ndarray:
    """Draw one ellipse around each centre.

    Args:
        centres: (n, 2), pixels.
        length: half axis along `angle`, pixels: one number or (n,).
        width: half axis across it.
        angle: direction of the first axis, radians.
        points: number of corners of the polygon.

    Returns:
        (n, points, 2), the contours.
    """
    length, width, angle = (
        np.broadcast_to(value, len(centres)) for value in (length, width, angle)
    )
    x, y = np.cos(angle), np.sin(angle)
    axes = np.array([[length * x, length * y], [-width * y, width * x]])  # (2, 2, n)
    return centres[:, None] + np.einsum('pa,abn->npb', _circle(points), axes)


def blobs(
    rng: np.random.Generator, centres: np.ndarray, radius: Lengths, points: int = 24
) -> np.ndarray:
    """Draw around each centre a circle with a few random waves on its edge.

    Args:
        rng: draws the waves.
        centres: (n, 2), pixels.
        radius: radius of the circle, pixels: one number or (n,).
        points: number of corners of the polygon.

    Returns:
        (n, points, 2), the contours.
    """
    waves = np.arange(2, 6)
    height = rng.normal(0, 0.13, (len(centres), len(waves), 1))
    phase = rng.uniform(0, 2 * np.pi, (len(centres), len(waves), 1))
    swell = 1 + (height * np.cos(waves[:, None] * _turn(points) + phase)).sum(1)
    reach = np.broadcast_to(radius, len(centres))[:, None] * swell  # (n, points)
    return centres[:, None] + reach[..., None] * _circle(points)


def lattice(
    rng: np.random.Generator, size: float, spacing: float, jitter: float
) -> np.ndarray:
    """Return places on a turned and shifted hexagonal lattice, each moved at random.

    Args:
        rng: draws turn, shift and moves.
        size: side of the square to cover.
        spacing: distance of neighbours.
        jitter: standard deviation of the moves, in spacings.

    Returns:
        (n, 2), the places inside the square or less than a spacing outside.
    """
    reach = int(1.5 * size / spacing) + 1
    row, column = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    grid = np.stack([column + 0.5 * (row % 2), row * np.sqrt(0.75)], -1).reshape(-1, 2)
    grid = grid + rng.uniform(0, 1, 2) + rng.normal(0, jitter, grid.shape)
    angle = rng.uniform(0, np.pi)
    x, y = np.cos(angle), np.sin(angle)
    places = spacing * grid @ np.array([[x, y], [-y, x]]) + size / 2
    return places[np.all((places > -spacing) & (places < size + spacing), axis=1)]


def _turn(points: int) -> np.ndarray:
    return np.arange(points) * (2 * np.pi / points)


def _circle(points: int) -> np.ndarray:
    return np.stack([np.cos(_turn(points)), np.sin(_turn(points))], 1)  # (points, 2)
