"""Arrays of an HDF5 file from elsewhere, with bounds on what they may take."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import numpy as np

from cite.core.messages import first_line

# Features are close to noise, which no filter shrinks tenfold. A file may claim more.
MOST_TIMES = 100
MOST_TEXT = 4096  # bytes of an attribute

_FAULTS = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)


class Hdf5File:
    """An open file whose arrays are read only if they lie in it as they are.

    External and soft links, virtual data sets, data in other files, object references
    and arrays whose parts were never written are refused.
    """

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self.path = file, path
        self._most = MOST_TIMES * path.stat().st_size

    def __contains__(self, name: str) -> bool:
        try:
            return name in list(self._file.keys())
        except _FAULTS as error:
            raise ValueError(f'{self.path}: {first_line(error)}') from error

    def array(self, name: str) -> np.ndarray:
        """Read an array of numbers.

        Raises:
            ValueError: it is missing or refused.
        """
        try:
            return np.asarray(self._dataset(name)[()])
        except _FAULTS as error:
            raise ValueError(f'{self.path}: {name}: {first_line(error)}') from error

    def shape(self, name: str) -> tuple[int, ...]:
        """Return an array's shape without reading it; refused like :meth:`array`."""
        try:
            return tuple(self._dataset(name).shape)
        except _FAULTS as error:
            raise ValueError(f'{self.path}: {name}: {first_line(error)}') from error

    def attribute(self, name: str, of: Optional[str] = None) -> Any:
        """Return a number or text of an array, or of the file; None if it is missing.

        ``'None'`` as text is None, as TRIDENT writes it.
        """
        try:
            owner = self._file if of is None else self._dataset(of)
            if name not in owner.attrs:
                return None
            kept = owner.attrs.get_id(name)
            if kept.dtype.kind not in 'iufbSO' or math.prod(kept.shape) > 16:
                raise ValueError('neither a number nor a text')
            if kept.dtype.kind == 'O' and not _is_text(kept.dtype):
                raise ValueError('a reference, not a number or a text')
            value = owner.attrs[name]
        except _FAULTS as error:
            raise ValueError(f'{self.path}: {name}: {first_line(error)}') from error
        if isinstance(value, bytes):
            value = value.decode('utf-8', 'replace')
        if isinstance(value, str):
            return None if value == 'None' else value[:MOST_TEXT]
        empty = type(value).__name__ == 'Empty' or not np.size(value)
        return None if empty else np.ravel(value)[0].item()

    def number(self, name: str, of: Optional[str] = None) -> Optional[float]:
        """Return a number of an array, or of the file, that is 0 or more, or None.

        Raises:
            ValueError: it is a text, negative or not finite.
        """
        value = self.attribute(name, of)
        if value is None:
            return None
        if isinstance(value, str) or not (math.isfinite(value) and value >= 0):
            shown = repr(value)[:60]
            raise ValueError(f'{self.path}: {name} is {shown}, not a size.')
        return float(value)

    def _dataset(self, name: str) -> Any:
        import h5py

        link = self._file.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise ValueError('missing, or a link to elsewhere, which is not followed')
        data = self._file[name]
        if not isinstance(data, h5py.Dataset):
            raise ValueError('a group, not an array')
        if data.is_virtual or data.external:
            raise ValueError('its numbers lie in other files, which are not read')
        if data.dtype.kind not in 'iuf':
            raise ValueError(f'holds {data.dtype}, not numbers')
        self._check_size(data)
        return data

    def _check_size(self, data: Any) -> None:
        """Refuse an array that claims far more than the file holds."""
        if math.prod(data.shape) * data.dtype.itemsize > self._most:
            raise ValueError(
                f'claims the shape {data.shape}, more than {MOST_TIMES} times what the '
                'file holds'
            )
        if data.chunks is None:
            if data.id.get_storage_size() < data.nbytes:
                raise ValueError('was never written')
            return
        if math.prod(data.chunks) * data.dtype.itemsize > self._most:
            raise ValueError(f'has chunks of {data.chunks}, more than the file holds')
        parts = [-(-side // chunk) for side, chunk in zip(data.shape, data.chunks)]
        if data.id.get_num_chunks() < math.prod(parts):
            raise ValueError('has parts that were never written')


@contextmanager
def open_hdf5(path: Path) -> Iterator[Hdf5File]:
    """Open an HDF5 file for reading.

    Raises:
        ValueError: it is not one.
        ModuleNotFoundError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise ModuleNotFoundError(
            'h5py is needed to read features: pip install h5py'
        ) from error
    try:
        file = h5py.File(path, 'r')
    except _FAULTS as error:
        raise ValueError(
            f'{path}: not an HDF5 file, or damaged: {first_line(error)}. Copy it again.'
        ) from error
    with file:
        yield Hdf5File(file, path)


def _is_text(dtype: np.dtype) -> bool:
    import h5py

    return h5py.check_string_dtype(dtype) is not None
