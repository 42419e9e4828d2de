"""The packed file: decoded and resized patches, (N, 3, size, size) uint8, as ``.npy``.

``NAME.json`` is beside ``NAME.npy`` and is written last: it holds the size and
interpolation, the patches' file names in the order of the rows, and a checksum of each
row.
"""

import hashlib
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Callable, Optional, Union

import numpy as np

from cite.core.files.elsewhere import looked_at
from cite.core.files.json_file import read_json
from cite.core.files.numpy_files import MappedArray, write_header
from cite.core.messages import shorten

VERSION = 1
_LONGEST_NOTE = 1 << 30  # bytes: the names and checksums of ten million patches
REMEDY = 'Make it again: `cite pack` with --force.'


class PackedPatches:
    """Patches of a packed file, each compared with its checksum when it is read.

    Args:
        path: ``.npy`` file that ``cite pack`` wrote.
        filenames: file names of the data set's items, below its ``data_prefix``, (N,).
        size: edge to which the pipeline resizes, pixels.
        interpolation: interpolation with which it resizes.

    Raises:
        FileNotFoundError: the file is missing or not finished.
        ValueError: it was made for another size or interpolation, lacks some of the
            patches, or is damaged.
    """

    def __init__(
        self,
        path: Union[str, Path],
        filenames: Sequence[str],
        size: int,
        interpolation: str,
    ) -> None:
        self.path = Path(path).expanduser()
        note = read_pack_note(self.path)
        pipeline = {'size': size, 'interpolation': interpolation}
        packed = {key: note[key] for key in pipeline}
        if packed != pipeline:
            raise ValueError(
                f'{self.path} was packed with {packed}, the pipeline has {pipeline}. '
                'Pack again with this config, or name another packed file.'
            )
        rows = {name: row for row, name in enumerate(note['names'])}
        missing = [name for name in filenames if name not in rows]
        if missing:
            raise ValueError(
                f'{self.path} lacks {len(missing)} of {len(filenames)} patches: '
                f'{shorten(missing)}. It was made from other files. {REMEDY}'
            )
        self._rows = np.array([rows[name] for name in filenames], np.int64)
        self._checksums = np.array(note['crc32'], np.uint32)[self._rows]
        self._images = _open(self.path, (len(rows), 3, size, size))

    def fetch(
        self, results: Any, load: Optional[Callable[[], np.ndarray]] = None
    ) -> np.ndarray:
        """Return an item's patch, (3, size, size), uint8, read-only, without ``load``.

        Raises:
            ValueError: the row differs from what was written.
        """
        index = results['cache_index']
        row = int(self._rows[index])
        planes = self._images.check()[row]
        if zlib.crc32(planes) != self._checksums[index]:
            raise ValueError(
                f'{self.path}: row {row} ({results["img_info"]["filename"]}) has '
                f'changed since it was packed. {REMEDY}'
            )
        return planes


def note_of(path: Path) -> Path:
    """Return the path of a packed file's note."""
    return path.with_suffix('.json')


def names_digest(names: Sequence[str]) -> str:
    """Digest file names in their order."""
    return hashlib.sha256('\n'.join(names).encode()).hexdigest()


def read_pack_note(path: Path) -> dict[str, Any]:
    """Read the note beside a packed file.

    Raises:
        FileNotFoundError: the packed file or its note is missing.
        ValueError: the note is damaged.
    """
    for file in (path, note_of(path)):
        if not file.is_file():
            raise FileNotFoundError(
                f'{file} is missing: nothing was packed, or packing was not finished.'
                f'{looked_at(file)} '
                f'`cite pack CONFIG --out {path}` starts or resumes it.'
            )
    try:
        note = read_json(note_of(path), _LONGEST_NOTE)
    except ValueError:
        note = None
    if not _is_valid(note):
        raise ValueError(f'{note_of(path)} is damaged, or of another version. {REMEDY}')
    return dict(note)


def _is_valid(note: Any) -> bool:
    """Tell whether a note has all entries that are read, with the right types."""
    if not isinstance(note, dict) or note.get('version') != VERSION:
        return False
    names, checksums = note.get('names'), note.get('crc32')
    if not isinstance(names, list) or not isinstance(checksums, list):
        return False
    return (
        all(isinstance(name, str) for name in names)
        and note.get('names_digest') == names_digest(names)
        and len(checksums) == len(names)
        and all(isinstance(sum_, int) and 0 <= sum_ < 1 << 32 for sum_ in checksums)
        and isinstance(note.get('size'), int)
        and isinstance(note.get('interpolation'), str)
    )


def _open(path: Path, shape: tuple[int, ...]) -> MappedArray:
    """Map the file's rows into memory, which all processes that read it share."""
    try:
        mapped = MappedArray(path)
    except ValueError as error:
        raise ValueError(f'{error}. {REMEDY}') from error
    images = mapped.array
    if images.shape != shape or images.dtype != np.uint8:
        raise ValueError(f'{path} has {images.shape} instead of {shape}. {REMEDY}')
    return mapped


def header(shape: tuple[int, ...]) -> bytes:
    """Return the header of a ``.npy`` file of uint8 with this shape."""
    start = BytesIO()
    write_header(start, shape, np.dtype(np.uint8))
    return start.getvalue()
