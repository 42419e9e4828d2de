"""Features of a slide's tiles, in the layout of TRIDENT."""

import math
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np

from cite.core.files.write_whole import NotingFile
from cite.core.workers import read_apart

# Nominal magnifications at 10 µm / mpp; scanners call 0.23 to 0.28 µm a pixel 40x.
_MAGNIFICATIONS = (5, 10, 20, 40, 80)
_CHUNK = 64  # tiles


class TileFeatures(NamedTuple):
    """Features of a slide's tiles and what they were computed from."""

    features: np.ndarray  # (N, D) float32
    coords: np.ndarray  # (N, 2) int64, level 0
    size: int  # edge of a tile in level-0 pixels
    patch_pixels: int  # edge of a tile as the model sees it
    mpp: float  # µm a pixel of the tile
    encoder: str  # digest of what computed them


class FeaturesFile:
    """Writes features batch by batch, so that a large slide's need not fit in memory.

    ``features`` (N, D) and ``coords`` (N, 2) with TRIDENT's attributes.

    Args:
        path: HDF5 file; None writes nothing.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Optional[Path]) -> None:
        self.path = path
        self.file: Any = None

    def __enter__(self) -> 'FeaturesFile':
        if self.path is not None:
            import h5py

            self._bytes = NotingFile(self.path)
            self.file = h5py.File(self._bytes, 'w')
        return self

    def __exit__(self, *error: object) -> None:
        if self.file is not None:
            self.file.close()
            self._bytes.close()
            if error[0] is None:
                self._bytes.check()

    def append(self, features: np.ndarray) -> None:
        """Append the features of further tiles, (B, D)."""
        if self.file is None:
            return
        if 'features' not in self.file:
            self.file.create_dataset(
                'features',
                shape=(0, features.shape[1]),
                maxshape=(None, features.shape[1]),
                chunks=(_CHUNK, features.shape[1]),
                dtype=np.float32,
            )
        data = self.file['features']
        data.resize(len(data) + len(features), 0)
        data[len(data) - len(features) :] = features
        self._bytes.check()

    def finish(self, coords: np.ndarray, source: Any, encoder: str) -> None:
        """Write the tiles' corners (N, 2), and the attributes.

        Args:
            coords: of the tiles whose features were appended.
            source: the slide's tiles, with ``name``, ``size``, ``cut`` and ``reader``.
            encoder: digest of the model.
        """
        if self.file is None or 'features' not in self.file:
            return
        self.file['features'].attrs.update(name=source.name, encoder=encoder)
        data = self.file.create_dataset('coords', data=coords.astype(np.int64))
        cut = source.cut
        data.attrs.update(
            name=source.name,
            patch_size=cut.patch_pixels,
            patch_size_level0=source.size,
            level0_magnification=magnification(source.reader.mpp),
            target_magnification=magnification(cut.mpp),
            overlap=round(cut.patch_pixels * (1 - cut.stride)),
            mpp=cut.mpp,
            encoder=encoder,
        )


def read_features(path: Path) -> TileFeatures:
    """Read what :func:`write_features` wrote.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it is something else.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such file. Features are kept with `cite predict … --features`.'
        )
    return read_apart(_read, path)


def _read(path: Path) -> TileFeatures:
    import h5py

    try:
        with h5py.File(path, 'r') as file:
            coords = _plain(file, 'coords')
            notes = dict(coords.attrs)
            tiles = TileFeatures(
                _plain(file, 'features')[()].astype(np.float32, copy=False),
                coords[()].astype(np.int64, copy=False),
                int(notes['patch_size_level0']),
                int(notes['patch_size']),
                float(notes['mpp']),
                str(notes['encoder']),
            )
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ValueError(
            f'{path} is not a file of features that cite predict wrote ({error}).'
        ) from error
    if tiles.features.ndim != 2 or tiles.coords.shape != (len(tiles.features), 2):
        raise ValueError(f'{path}: features and coords are not (N, D) and (N, 2).')
    return tiles


def _plain(file: Any, name: str) -> Any:
    """Return a data set that lies in this file, and is no larger than the file."""
    import h5py

    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f'{name} is missing or a link to another place')
    data = file[name]
    if not isinstance(data, h5py.Dataset) or data.is_virtual or data.external:
        raise ValueError(f'{name} does not lie in this file')
    if data.dtype.kind not in 'fiu' or data.compression is not None:
        raise ValueError(f'{name} is compressed or not of numbers')
    if data.nbytes > Path(file.filename).stat().st_size:
        raise ValueError(f'{name} claims to be larger than the file')
    return data


def magnification(mpp: float) -> int:
    """Return the nominal magnification that is nearest to a scale.

    >>> magnification(0.2525), magnification(0.5)
    (40, 20)
    """
    return min(_MAGNIFICATIONS, key=lambda m: abs(math.log(10 / mpp / m)))
