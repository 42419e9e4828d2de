"""A slide in memory, and tiles over it, for what is written from arrays."""

import numpy as np

CLASSES = ['well', 'poorly / not', '<b>Δ</b>']


class ArraySlide:
    """A slide of one level: a coordinate in its red and green channels."""

    def __init__(self, width=1000, height=700, mpp=0.5):
        y, x = np.mgrid[:height, :width]
        blue = np.full_like(x, 200)
        self.pixels = np.stack([x * 255 // width, y * 255 // height, blue], -1)
        self.pixels = self.pixels.astype(np.uint8)
        self.dimensions, self.downsamples, self.mpp = (width, height), (1.0,), mpp

    def read(self, x, y, level, width, height):
        area = np.full((height, width, 3), 255, np.uint8)
        part = self.pixels[y : y + height, x : x + width]
        area[: part.shape[0], : part.shape[1]] = part
        return area


def made_up_tiles(size=100, hole=(300, 200)):
    """Return a TileTable over ArraySlide without the tile at ``hole``."""
    from cite.inference.predict.outputs.tile_table import TileTable

    corners = [(x, y) for y in range(100, 600, size) for x in range(100, 900, size)]
    coords = np.array([corner for corner in corners if corner != hole], np.int64)
    scores = np.random.default_rng(3).dirichlet([0.5] * len(CLASSES), len(coords))
    return TileTable(coords, size, scores.astype(np.float32), CLASSES)
