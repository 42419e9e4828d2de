"""NumPy's files: numbers, never pickles, and never more than the file has bytes."""

import os
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Union

import numpy as np

from .budget import Budget, open_zip
from .plain_pickle import check_shape

_NUMBERS = 'biufc'
_DAMAGED = 'is damaged or not a NumPy array of numbers'


class Header(NamedTuple):
    """What a ``.npy`` file says about its array."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype
    start: int  # of the numbers, bytes


def read_header(file: Any, size: int) -> Header:
    """Read and check the header of a ``.npy`` file.

    Args:
        file: binary file at its start.
        size: size of the file, bytes.

    Raises:
        Exception: it is not such a file, holds no numbers, or fewer than it says;
            NumPy parses the header as Python source, which raises many types.
    """
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f'version {version} of the format')
    read = getattr(np.lib.format, f'read_array_header_{version[0]}_0')
    shape, is_fortran, dtype = read(file)
    start = file.tell()
    if dtype.kind not in _NUMBERS:
        raise ValueError(f'values of type {str(dtype)[:60]}, not numbers')
    numel = 1
    for n in check_shape(shape):
        numel *= n
    if numel * dtype.itemsize > size - start:
        raise ValueError(f'the file is cut off: it is shorter than {shape} of {dtype}')
    return Header(shape, is_fortran, dtype, start)


def write_header(file: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Write the header of a ``.npy`` file whose numbers follow row by row."""
    descr = np.lib.format.dtype_to_descr(dtype)
    fields = {'descr': descr, 'fortran_order': False, 'shape': shape}
    np.lib.format.write_array_header_1_0(file, fields)


def read_npy(path: Union[str, Path]) -> np.ndarray:
    """Read an array of numbers.

    Raises:
        ValueError: the file is damaged or holds something else.
        OSError: it cannot be read.
    """
    with _open(path) as file:
        try:
            read_header(file, _size(file))
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
        except Exception as error:
            raise ValueError(f'{path} {_DAMAGED}: {error}') from error


def read_npz(path: Union[str, Path]) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` by their names.

    Raises:
        ValueError: the file is damaged, holds something else than arrays of numbers, or
            would take far more memory than it has bytes.
        OSError: it cannot be read.
    """
    with _open(path) as file:
        # A damaged zip can have zipfile seek to a place that does not exist: OSError.
        try:
            budget = Budget(_size(file))
            with open_zip(file) as archive:
                entries = archive.infolist()
                return {_name(e): _read_entry(archive, e, budget) for e in entries}
        except Exception as error:
            raise ValueError(
                f'{path} is not an npz of plain arrays: {error}'
            ) from error


def _name(entry: zipfile.ZipInfo) -> str:
    return entry.filename[: -len('.npy')]


def _read_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: Budget
) -> np.ndarray:
    if not entry.filename.endswith('.npy'):
        raise ValueError(f'it holds {entry.filename[:60]!r}, which is not an array')
    budget.spend(entry.file_size)
    with archive.open(entry) as file:
        header = read_header(file, entry.file_size)
        values = np.frombuffer(bytearray(file.read()), header.dtype)
    order: Any = 'F' if header.is_fortran else 'C'
    return values.reshape(header.shape, order=order)


class MappedArray:
    """An array of numbers in a file, mapped into memory for all processes.

    Reading beyond the end of a mapped file ends the process without a word, so
    ``check`` looks at its length first: a copy onto the file may have made it shorter.

    Args:
        path: ``.npy`` file.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: it is damaged, or does not hold numbers.
    """

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = str(path)
        try:
            with _open(path) as file:
                read_header(file, _size(file))
            mapped: Any = np.load(path, mmap_mode='r', allow_pickle=False)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f'{path} {_DAMAGED}: {error}') from error
        self._map = getattr(mapped, '_mmap', None)  # None without elements
        self._bytes = 0 if self._map is None else self._map.size()
        # A plain view: indexing np.memmap itself is several times slower.
        self.array = np.asarray(mapped).view(np.ndarray)

    def check(self) -> np.ndarray:
        """Return the array, after a look at the length of its file.

        Raises:
            ValueError: the file is shorter than it was.
        """
        if self._map is not None and self._map.size() < self._bytes:
            raise ValueError(
                f'{self.path} has become shorter while it was in use: '
                f'{self._map.size():,} bytes instead of {self._bytes:,}. Something '
                'writes to it; make it again and start the run again.'
            )
        return self.array

    def __reduce__(self) -> Any:
        # A pickled map would be a copy of the whole file.
        return MappedArray, (self.path,)


def _open(path: Union[str, Path]) -> BinaryIO:
    """Open a file, but not a pipe, which would block."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: no such file.')
    return open(path, 'rb')


def _size(file: BinaryIO) -> int:
    size = file.seek(0, 2)
    file.seek(0)
    return size
