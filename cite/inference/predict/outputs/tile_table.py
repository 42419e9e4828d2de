"""A slide's tiles and their probabilities, and their CSV."""

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cite.core.messages import first_line


class TileTable(NamedTuple):
    """The tiles of a slide that were read, and what the model says of each."""

    coords: np.ndarray  # (N, 2) int64, left and top in pixels of level 0
    size: int  # edge in pixels of level 0
    probabilities: np.ndarray  # (N, K) float32
    classes: list[str]

    @property
    def predicted(self) -> np.ndarray:
        """The likeliest class of each tile, (N,)."""
        return self.probabilities.argmax(1)

    def frame(self) -> Any:
        """Return the tiles as a ``pandas.DataFrame`` with the columns of the CSV."""
        import pandas as pd

        edges = np.full((len(self.coords), 2), self.size)
        frame = pd.DataFrame(np.hstack([self.coords, edges]), columns=_BOX)
        for k, name in enumerate(self.classes):
            frame[f'prob_{name}'] = self.probabilities[:, k]
        return frame


_BOX = ['minx', 'miny', 'width', 'height']


def write_tile_csv(path: Path, tiles: TileTable) -> None:
    """Write WSInfer's columns: box in level-0 pixels, and a probability per class.

    Probabilities have as many digits as give the same float32 when they are read.
    """
    with open(path, 'w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow([*_BOX, *(f'prob_{name}' for name in tiles.classes)])
        edge = str(tiles.size)
        for (x, y), scores in zip(tiles.coords, tiles.probabilities):
            writer.writerow([x, y, edge, edge, *(shortest(p) for p in scores)])


def shortest(value: np.float32) -> str:
    """Write a float32 in the fewest digits from which the same float32 is read.

    >>> shortest(np.float32(0.1)), shortest(np.float32(1e-9))
    ('0.1', '0.000000001')
    """
    return np.format_float_positional(value, unique=True, trim='0')


def read_tile_csv(path: Path, classes: list[str]) -> TileTable:
    """Read the CSV that :func:`write_tile_csv` writes.

    Raises:
        ValueError: it has other columns, or cells that are not numbers.
    """
    import pandas as pd

    try:
        frame = pd.read_csv(path, float_precision='round_trip')
    except (ValueError, OverflowError) as error:
        raise ValueError(f'{path} is not a CSV: {first_line(error)}') from error
    columns = [*_BOX, *(f'prob_{name}' for name in classes)]
    if list(frame.columns) != columns:
        raise ValueError(
            f'{path} has the columns {list(frame.columns)}, not {columns}.'
        )
    try:
        values = frame[columns[4:]].to_numpy(np.float32)
        boxes = frame[_BOX].to_numpy(np.int64)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f'{path}: a tile without numbers: {error}') from error
    if not np.isfinite(values).all():
        raise ValueError(f'{path}: a probability is missing or not finite.')
    size = int(boxes[0, 2]) if len(boxes) else 0
    return TileTable(boxes[:, :2], size, values, classes)
