"""The tiles as objects that QuPath opens."""

import gzip
import io
import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from .colours import class_colour
from .tile_table import TileTable, shortest

COMPRESS_ABOVE = 50_000  # tiles; QuPath opens both
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, 'cite predict')


def geojson_name(name: str, tiles: int) -> str:
    """Return the file name for a slide with this many tiles."""
    return f'{name}.geojson' + ('.gz' if tiles > COMPRESS_ABOVE else '')


def write_geojson(
    path: Path, tiles: TileTable, key: str, origin: tuple[int, int] = (0, 0)
) -> None:
    """Write a FeatureCollection, one tile a line.

    Args:
        path: file; compressed if its name ends in ``.gz``.
        tiles: the tiles, in level-0 pixels.
        key: slide and model, from which with its box each tile's UUID is made.
        origin: left and top of the slide's bounds, to which QuPath crops.
    """
    with _open(path) as file:
        file.write('{"type": "FeatureCollection", "features": [')
        for i, feature in enumerate(_features(tiles, key, origin)):
            file.write(',\n' if i else '\n')
            file.write(json.dumps(feature, ensure_ascii=False))
        file.write('\n]}\n')


@contextmanager
def _open(path: Path) -> Iterator[TextIO]:
    with open(path, 'wb') as raw:
        if path.suffix != '.gz':
            with io.TextIOWrapper(raw, 'utf-8', newline='\n') as text:
                yield text
            return
        # Neither name nor time, so that the same tiles give the same bytes.
        with (
            gzip.GzipFile('', 'wb', fileobj=raw, mtime=0) as packed,
            io.TextIOWrapper(packed, 'utf-8', newline='\n') as text,
        ):
            yield text


def _features(
    tiles: TileTable, key: str, origin: tuple[int, int]
) -> Iterator[dict[str, Any]]:
    size = tiles.size
    looks = [
        {'name': name, 'color': list(class_colour(k))}
        for k, name in enumerate(tiles.classes)
    ]
    names = [f'prob_{name}' for name in tiles.classes]
    boxes = zip(tiles.coords.tolist(), tiles.probabilities, tiles.predicted)
    for (x, y), scores, k in boxes:
        left, top = x - origin[0], y - origin[1]
        ring = [
            [left, top],
            [left + size, top],
            [left + size, top + size],
            [left, top + size],
            [left, top],
        ]
        yield {
            'type': 'Feature',
            'id': str(uuid.uuid5(_NAMESPACE, f'{key} {x} {y} {size}')),
            'geometry': {'type': 'Polygon', 'coordinates': [ring]},
            'properties': {
                'objectType': 'tile',
                'classification': looks[k],
                'isLocked': True,
                'measurements': {n: float(shortest(p)) for n, p in zip(names, scores)},
            },
        }
