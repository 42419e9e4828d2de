"""The tiles of a slide: where they lie and from which level they are read."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from .reader import SlideReader
from .tissue import Tissue

# A level may be this much coarser than the target, because downsamples are not exact.
SLACK = 1.01


@dataclass(frozen=True)
class Grid:
    """Tiles of equal size, in row-major order.

    Attributes:
        x: left edges in pixels of level 0, (N,) int64.
        y: top edges in pixels of level 0, (N,) int64.
        size: edge of a tile in pixels of level 0.
        patch_pixels: edge of a tile in pixels as it is returned.
        mpp: microns per pixel of a tile as it is returned.
        level: level that tiles are read from.
    """

    x: np.ndarray
    y: np.ndarray
    size: int
    patch_pixels: int
    mpp: float
    level: int

    def __len__(self) -> int:
        """Return the number of tiles, N."""
        return len(self.x)

    def digest(self) -> str:
        """Return a digest of all tiles; equal grids have equal digests."""
        head = [self.size, self.patch_pixels, float(self.mpp), self.level]
        digest = hashlib.sha256(json.dumps(head).encode())
        for edges in (self.x, self.y):
            digest.update(np.ascontiguousarray(edges, '<i8').tobytes())
        return digest.hexdigest()


def make_grid(
    reader: SlideReader,
    tissue: Tissue,
    patch_pixels: int = 300,
    mpp: float = 0.5,
    stride: float = 1.0,
    min_tissue: float = 0.5,
    offset: tuple[float, float] = (0.0, 0.0),
) -> Grid:
    """Lay tiles over the tissue.

    The grid starts at the top left of the tissue's bounding box. Edges are computed in
    fractions of a pixel and rounded once, so that nothing drifts. A tile lies within
    the slide as a whole, and enough of it is tissue.

    Args:
        reader: the slide.
        tissue: its tissue.
        patch_pixels: edge of a tile in pixels; PatchGastric has 300.
        mpp: microns per pixel of a tile.
        stride: distance between tiles, in tiles.
        min_tissue: share of a tile that must be tissue.
        offset: shift of the grid in x and y, in tiles. The grid then starts a tile
            earlier, so that it still covers the tissue.

    Raises:
        ValueError: a number out of its range.
    """
    _check(patch_pixels, mpp, stride, min_tissue)
    edge = patch_pixels * mpp / reader.mpp  # in pixels of level 0
    size = max(1, round(edge))
    columns, rows = (
        _edges(low, high, edge, stride, shift, length - size)
        for low, high, shift, length in zip(
            tissue.box[:2], tissue.box[2:], offset, reader.dimensions
        )
    )
    y, x = (part.ravel() for part in np.meshgrid(rows, columns, indexing='ij'))
    keep = tissue.shares(x, y, size) >= min_tissue - 1e-9
    level = choose_level(reader, mpp)
    return Grid(x[keep], y[keep], size, patch_pixels, float(mpp), level)


def choose_level(reader: SlideReader, mpp: float) -> int:
    """Return the coarsest level that is not coarser than ``mpp``, or 0."""
    limit = mpp / reader.mpp * SLACK
    fine = [i for i, factor in enumerate(reader.downsamples) if factor <= limit]
    return max(fine, key=lambda i: reader.downsamples[i], default=0)


def _edges(
    low: float, high: float, edge: float, stride: float, shift: float, last: int
) -> np.ndarray:
    """Return the tiles' edges along one axis that lie from 0 to ``last``, int64."""
    step = edge * stride
    start = low + shift * edge
    first = -int(np.ceil(max(start - low, 0) / step))
    count = max(0, int(np.ceil((high - start) / step)))
    edges = np.rint(start + np.arange(first, count) * step).astype(np.int64)
    return edges[(edges >= 0) & (edges <= last)]


def _check(patch_pixels: int, mpp: float, stride: float, min_tissue: float) -> None:
    if not 1 <= patch_pixels <= 8192:
        raise ValueError(f'patch_pixels={patch_pixels}: give 1 to 8192 pixels.')
    if not 0 < mpp <= 100:
        raise ValueError(f'mpp={mpp}: give microns per pixel, such as 0.5.')
    if not 0.05 <= stride <= 100:
        raise ValueError(
            f'stride={stride}: give the distance of tiles in tiles, such as 1 or 0.5.'
        )
    if not 0 < min_tissue <= 1:
        raise ValueError(
            f'min_tissue={min_tissue}: give a share of the tile, above 0 and up to 1.'
        )
