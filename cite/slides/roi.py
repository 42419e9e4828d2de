"""A user's annotation instead of the tissue that we find."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union

import numpy as np

from cite.core.files.text_file import read_utf8
from cite.core.messages import first_line

from .reader import SlideReader
from .thumbnail import read_thumbnail
from .tissue import MPP, Tissue, area_mm2

MOST_BYTES = 256 << 20  # a ring of ten million points
# How often polygons may cover the slide: each is filled by itself.
MOST_COVERS = 200
DEEPEST = 8  # collections and groups within one another


def tissue_from_geojson(
    reader: SlideReader, path: Union[str, Path], mpp: float = MPP
) -> Tissue:
    """Take the polygons of a GeoJSON file as tissue, such as an export of QuPath.

    Coordinates are pixels of level 0. QuPath counts from the scanned area, if the slide
    has bounds; the file says nothing about it, so bounds are added.

    Args:
        reader: the slide.
        path: GeoJSON with Polygon and MultiPolygon geometries.
        mpp: microns per pixel of the mask.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it is not such a GeoJSON, or no polygon is on the slide.
    """
    path = Path(path)
    polygons = list(read_polygons(path))
    thumbnail = read_thumbnail(reader, mpp)
    origin = np.array(reader.bounds[:2] if reader.bounds else (0, 0))
    mask = np.zeros(thumbnail.unread.shape, np.uint8)
    left = MOST_COVERS * mask.size
    for number, rings in enumerate(polygons, 1):
        left -= _fill(mask, [(ring + origin) / thumbnail.downsample for ring in rings])
        if left < 0:
            raise ValueError(
                f'{path}: the first {number:,} of {len(polygons):,} polygons cover the '
                f'slide {MOST_COVERS} times. Merge those that overlap.'
            )
    if not mask.any():
        raise ValueError(
            f'{path}: none of its polygons is on {reader.path}, which is '
            f'{reader.dimensions[0]} x {reader.dimensions[1]} pixels. Coordinates are '
            'pixels of level 0.'
        )
    inside = mask > 0
    area = area_mm2(reader, inside, thumbnail.downsample)
    figures = {'polygons': len(polygons), 'tissue share': round(float(mask.mean()), 4)}
    return Tissue(inside, thumbnail.downsample, thumbnail.pixels, area, figures)


def read_polygons(path: Path) -> Iterator[list[np.ndarray]]:
    """Yield each polygon of a GeoJSON file, its outer ring and holes (N, 2)."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such GeoJSON file.')
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f'{path}: {size:,} bytes; at most {MOST_BYTES:,} are read.')
    try:
        content = json.loads(read_utf8(path))
    except (ValueError, RecursionError, MemoryError) as error:
        reason = first_line(error)[:200]
        raise ValueError(f'{path}: not a GeoJSON file: {reason}') from error
    geometries = list(_geometries(content, DEEPEST))
    if not geometries:
        raise ValueError(
            f'{path}: no Polygon or MultiPolygon in it. Export annotations from QuPath '
            'as a FeatureCollection.'
        )
    for number, coordinates in enumerate(geometries, 1):
        try:
            rings = [_ring(ring) for ring in coordinates]
            if not rings:
                raise ValueError('it has no ring')
            yield rings
        except (TypeError, ValueError, LookupError, OverflowError) as error:
            reason = first_line(error)[:200]
            raise ValueError(
                f'{path}: polygon {number}: {reason}: write rings of [x, y] in pixels '
                'of level 0.'
            ) from error


def _geometries(node: Any, depth: int) -> Iterator[list[Any]]:
    """Yield the coordinates of all polygons in a GeoJSON object or a list of them."""
    if depth == 0:
        return
    if isinstance(node, list):
        for item in node:
            yield from _geometries(item, depth - 1)
    elif isinstance(node, dict):
        kind, coordinates = node.get('type'), node.get('coordinates')
        if kind == 'Polygon' and isinstance(coordinates, list):
            yield coordinates
        elif kind == 'MultiPolygon' and isinstance(coordinates, list):
            yield from (part for part in coordinates if isinstance(part, list))
        else:
            for key in ('features', 'geometry', 'geometries'):
                yield from _geometries(node.get(key), depth - 1)


def _ring(points: Any) -> np.ndarray:
    if not isinstance(points, list) or len(points) < 3:
        raise ValueError('a ring of fewer than three points')
    pairs = [(float(point[0]), float(point[1])) for point in points]
    if not all(math.isfinite(value) and abs(value) < 1e7 for p in pairs for value in p):
        raise ValueError('a coordinate that is not a number of pixels')
    return np.array(pairs)  # (N, 2)


def _fill(mask: np.ndarray, rings: list[np.ndarray]) -> int:
    """Set the pixels whose centres are in a polygon and in none of its holes.

    Returns:
        The number of pixels that were looked at.
    """
    points = np.concatenate(rings)
    height, width = mask.shape
    left, top = (max(0, int(low)) for low in points.min(0))
    right, bottom = (int(np.ceil(high)) for high in points.max(0))
    right, bottom = min(right, width), min(bottom, height)
    if right <= left or bottom <= top:
        return 0
    # A row is entered and left where an edge crosses the height of its centres.
    crossings = np.zeros((bottom - top, right - left + 1), np.int32)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, 0)):
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            first = max(top, int(np.ceil(y0 - 0.5)))
            last = min(bottom, int(np.ceil(y1 - 0.5)))
            if first >= last:
                continue
            rows = np.arange(first, last)
            x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0)
            columns = np.ceil(np.clip(x, left, right) - 0.5).astype(np.int64) - left
            crossings[rows - top, np.clip(columns, 0, right - left)] += 1
    inside = np.cumsum(crossings[:, :-1], 1) % 2
    mask[top:bottom, left:right] |= inside.astype(np.uint8)
    return inside.size
