"""Outlines of a mask along the edges of its pixels."""

import cv2
import numpy as np


def outline_rings(mask: np.ndarray) -> list[np.ndarray]:
    """Trace a mask, so that the rings enclose exactly its pixels.

    Args:
        mask: (H, W) bool.

    Returns:
        Closed rings (N, 2) float64 of x and y in the mask's pixels: for each object its
        outer ring, positive by the shoelace formula, then its holes, negative.
    """
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    rings = []
    for label, points in _walk(_edges(labels)):
        ring = _corners(np.array(points, np.float64))
        rings.append((label, signed_area(ring) < 0, ring))
    rings.sort(key=lambda item: item[:2])  # stable: objects from the top left on
    return [ring for _, _, ring in rings]


def signed_area(ring: np.ndarray) -> float:
    """Return the area of a closed ring (N, 2) by the shoelace formula."""
    x, y = ring[:, 0], ring[:, 1]
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def _edges(labels: np.ndarray) -> dict[tuple[int, int, int], list[tuple[int, int]]]:
    """Map label and start of each edge of an object's pixels to its ends.

    Edges run clockwise on the screen, with the object at their right.
    """
    padded = np.pad(labels, 1)
    inner = padded[1:-1, 1:-1]
    sides = (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),  # above: to the right
        (padded[1:-1, 2:], (1, 0), (1, 1)),  # right: down
        (padded[2:, 1:-1], (1, 1), (0, 1)),  # below: to the left
        (padded[1:-1, :-2], (0, 1), (0, 0)),  # left: up
    )
    ends: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for neighbour, start, end in sides:
        rows, columns = np.nonzero((inner > 0) & (neighbour != inner))
        for label, x, y in zip(
            inner[rows, columns].tolist(), columns.tolist(), rows.tolist()
        ):
            key = label, x + start[0], y + start[1]
            ends.setdefault(key, []).append((x + end[0], y + end[1]))
    return ends


def _walk(
    ends: dict[tuple[int, int, int], list[tuple[int, int]]],
) -> list[tuple[int, list[tuple[int, int]]]]:
    """Join the edges to closed rings; return label and points of each."""
    rings = []
    for label, x, y in list(ends):
        while ends.get((label, x, y)):
            points = [(x, y), ends[label, x, y].pop()]
            while points[-1] != points[0]:
                choices = ends[(label, *points[-1])]
                points.append(choices.pop(_right_turn(points, choices)))
            rings.append((label, points))
    return rings


def _right_turn(points: list[tuple[int, int]], choices: list[tuple[int, int]]) -> int:
    """Choose where pixels touch at a corner: they stay apart, as in the labels."""
    (x0, y0), (x1, y1) = points[-2:]
    turns = [(x1 - x0) * (y - y1) - (y1 - y0) * (x - x1) for x, y in choices]
    return turns.index(max(turns))


def _corners(ring: np.ndarray) -> np.ndarray:
    """Drop the points of a closed ring between two corners."""
    points = ring[:-1]
    before, after = np.roll(points, 1, 0), np.roll(points, -1, 0)
    corner = ((points - before) != (after - points)).any(1)
    kept = points[corner]
    return np.concatenate([kept, kept[:1]])
