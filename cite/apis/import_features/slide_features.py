"""The features of one slide, from the files of each package."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from cite.core.files.csv_table import CsvTable, read_csv_table
from cite.core.files.weights import load_weights
from cite.core.messages import first_line, shorten
from cite.core.workers import read_apart

from .hdf5 import Hdf5File, open_hdf5

SUFFIXES = ('.h5', '.hdf5', '.pt', '.csv')
# Columns of tiles: WSInfer's, TIAToolbox's, and plain ones.
_PLACES = (('minx', 'miny'), ('x_start', 'y_start'), ('x', 'y'))
_WIDTH, _RIGHT = ('width', 'w'), ('maxx', 'x_end')
_OTHER = (*_WIDTH, *_RIGHT, 'height', 'h', 'y_end', 'maxy', 'index', '')


class SlideFeatures(NamedTuple):
    """Features of a slide's N tiles, by rows from the top, in a row from the left."""

    features: np.ndarray  # (N, D) floating
    coords: Optional[np.ndarray]  # (N, 2) of x and y; None where the file has none
    unit: str  # of coords: 'pixels' of level 0, or 'um'
    tile_size: Optional[float]  # edge of a tile in that unit
    encoder: Optional[str]
    source: str  # the package


def read_slide_features(path: Path) -> SlideFeatures:
    """Read a file of TRIDENT, CLAM or STAMP, or a CSV of tiles.

    Nothing of the file is run, and memory is bounded by its size.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it is none of these, or damaged; the message says where.
    """
    if not path.is_file():  # a pipe would block
        raise FileNotFoundError(f'{path}: no such file of features.')
    if path.suffix.lower() == '.pt':
        read = _read_pt(path)
    elif path.suffix.lower() == '.csv':
        read = _read_csv(path)
    else:
        read = read_apart(_read_hdf5, path)
    return _checked(read, path)


def _read_hdf5(path: Path) -> SlideFeatures:
    with open_hdf5(path) as file:
        return _features_of(file)


def _features_of(file: Hdf5File) -> SlideFeatures:
    if 'feats' in file:
        return _read_stamp(file)
    if 'features' not in file or 'coords' not in file:
        raise ValueError(
            f'{file.path}: neither features and coords (TRIDENT, CLAM) nor feats and '
            'coords (STAMP).'
        )
    features, coords = file.array('features'), file.array('coords')
    if features.ndim == 3 and len(features) == 1:  # a batch of one slide
        features = features[0]
    size = file.number('patch_size_level0', of='coords')
    if size is not None:
        encoder = file.attribute('encoder', of='features') or _encoder_of(file.path)
        return SlideFeatures(features, coords, 'pixels', size, encoder, 'TRIDENT')
    return SlideFeatures(
        features, coords, 'pixels', _clam_size(file.path), None, 'CLAM'
    )


def _encoder_of(path: Path) -> Optional[str]:
    """Return the encoder that TRIDENT's folder ``features_{encoder}`` names."""
    kind, _, encoder = path.parent.name.partition('_')
    return encoder if kind == 'features' and encoder else None


def _clam_size(path: Path) -> Optional[float]:
    """Return the tile's edge from CLAM's ``patches/ID.h5``, pixels of level 0."""
    for folder in (path.parents[1], path.parents[2] if len(path.parents) > 2 else None):
        patches = folder / 'patches' / path.name if folder else path
        if patches == path or not patches.is_file():
            continue
        with open_hdf5(patches) as file:
            size = file.number('patch_size', of='coords')
            level = file.number('patch_level', of='coords')
            factor = file.number('downsample', of='coords')
        if size is not None and (level == 0 or factor is not None):
            return size * (factor if level and factor is not None else 1.0)
    return None


def _read_stamp(file: Hdf5File) -> SlideFeatures:
    unit = file.attribute('unit')
    if unit not in ('um', 'µm'):
        raise ValueError(
            f'{file.path}: coordinates in {unit!r}, but STAMP writes um. Extract the '
            'features again with STAMP 2.'
        )
    size = file.number('tile_size_um')
    encoder = file.attribute('extractor')
    arrays = file.array('feats'), file.array('coords')
    return SlideFeatures(*arrays, 'um', size, encoder, 'STAMP')


def _read_pt(path: Path) -> SlideFeatures:
    features = load_weights(path)
    try:
        array = features.detach().float().numpy()
    except (AttributeError, RuntimeError, TypeError) as error:
        raise ValueError(
            f'{path}: not a bare tensor (N, D), which CLAM writes.'
        ) from error
    return SlideFeatures(array, None, 'pixels', None, None, 'CLAM')


def _read_csv(path: Path) -> SlideFeatures:
    table = read_csv_table(path)
    names = table.columns
    place = next((pair for pair in _PLACES if {*pair} <= {*names}), None)
    if place is None:
        raise ValueError(
            f'{path}:1: a table of tiles has the columns minx,miny (WSInfer) or x,y, '
            'and further ones with numbers, each once.'
        )
    columns = [name for name in names if name not in (*place, *_OTHER)]
    rows = []
    for line, row in table.rows:
        try:
            rows.append([float(row[name]) for name in (*place, *columns)])
        except ValueError as error:
            raise ValueError(
                f'{path}:{line}: a tile needs a number in each of {shorten(columns)}.'
            ) from error
    numbers = np.array(rows, np.float64).reshape(len(rows), 2 + len(columns))
    features, size = numbers[:, 2:].astype(np.float32), _csv_size(table, place[0])
    return SlideFeatures(features, numbers[:, :2], 'pixels', size, None, 'CSV')


def _csv_size(table: CsvTable, left: str) -> Optional[float]:
    """Return the edge that a table states, or None if it states none or several."""
    sizes = {_csv_width(row, left) for _, row in table.rows}
    size = sizes.pop() if len(sizes) == 1 else None
    return size if size is not None and 0 < size < math.inf else None


def _csv_width(row: Mapping[str, str], left: str) -> Optional[float]:
    try:
        for name in _WIDTH:
            if name in row:
                return float(row[name])
        for name in _RIGHT:
            if name in row:
                return float(row[name]) - float(row[left])
    except ValueError:
        pass
    return None


def _checked(read: SlideFeatures, path: Path) -> SlideFeatures:
    """Check shapes and numbers, and sort the tiles by (y, x)."""
    features, coords = read.features, read.coords
    if features.ndim != 2 or not features.size or features.dtype.kind != 'f':
        raise ValueError(
            f'{path}: features of shape {features.shape} and type {features.dtype}; a '
            'slide has (tiles, width) of floating point numbers.'
        )
    finite = np.isfinite(features).all(1)
    if not finite.all():
        raise ValueError(
            f'{path}: the features of row {int(np.argmin(finite))} are not finite. '
            'Extract them again.'
        )
    if coords is None:
        return read
    if coords.shape != (len(features), 2) or not np.isfinite(coords).all():
        raise ValueError(
            f'{path}: coords of shape {coords.shape} for {len(features)} tiles; each '
            'tile has a finite x and y.'
        )
    order = np.lexsort((coords[:, 0], coords[:, 1]))
    try:
        ordered = coords[order].astype(np.float64)
    except (MemoryError, TypeError) as error:
        raise ValueError(f'{path}: coords: {first_line(error)}') from error
    return read._replace(features=features[order], coords=ordered)
