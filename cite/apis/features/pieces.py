"""The parts of a file of features, which an interrupted extraction takes over."""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Optional

import numpy as np

from cite.core.files.numpy_files import read_header, write_header
from cite.core.files.write_whole import PARTIAL, write_whole

_SUM = 4  # bytes of the checksum at the end
_CHUNK = 1 << 24


def write_piece(path: Path, features: np.ndarray) -> None:
    """Write some rows, as a ``.npy`` file with the checksum of its bytes at the end.

    Raises:
        OSError: the disk is full.
    """
    buffer = BytesIO()
    np.save(buffer, features)
    data = buffer.getbuffer()
    with write_whole(path) as partial, partial.open('wb') as file:
        file.write(data)
        file.write(zlib.crc32(data).to_bytes(_SUM, 'little'))


def read_piece(path: Path) -> Optional[np.ndarray]:
    """Return a piece's rows; None if it is missing or not what was written.

    A power cut can leave a file of the right length without its contents.
    """
    if not path.is_file():
        return None
    data = path.read_bytes()
    body, end = data[:-_SUM], data[-_SUM:]
    if len(end) < _SUM or zlib.crc32(body).to_bytes(_SUM, 'little') != end:
        return None
    return np.load(BytesIO(body), allow_pickle=False)


def join_pieces(path: str, pieces: list[Path], rows: int) -> None:
    """Write pieces one after another into the final file, then remove them.

    The file is written, not mapped: a full disk would end a process that writes into a
    map, without a word.

    Args:
        path: file to write, (rows, D).
        pieces: files of :func:`write_piece`, in their order.
        rows: number of rows of all pieces.

    Raises:
        OSError: the disk is full.
        ValueError: a piece was damaged since it was written.
    """
    with write_whole(path) as partial, partial.open('wb') as file:
        for piece in pieces:
            part = read_piece(piece)
            if part is None:
                raise ValueError(
                    f'{piece} is missing or damaged. The same command again computes '
                    'what is missing.'
                )
            if not file.tell():
                write_header(file, (rows, part.shape[1]), part.dtype)
            file.write(np.ascontiguousarray(part).data)
    # Killed ranks may have left partial files of pieces behind.
    leftovers = Path(path).parent.glob(f'{Path(path).name}.*{PARTIAL}')
    for left in [*pieces, *leftovers]:
        left.unlink()


def checksum(path: Path) -> int:
    """Return the CRC-32 of a file's bytes."""
    value = 0
    with path.open('rb') as file:
        while chunk := file.read(_CHUNK):
            value = zlib.crc32(chunk, value)
    return value


def is_intact(path: Path, written: Optional[int], rows: int) -> bool:
    """Tell whether a file of features holds what was written.

    Args:
        path: ``.npy`` file.
        written: its checksum then; None for a file of an earlier version, of which the
            header and the length are looked at.
        rows: number of its rows.
    """
    if written is not None:
        return checksum(path) == written
    try:
        with path.open('rb') as file:
            return read_header(file, path.stat().st_size).shape[:1] == (rows,)
    except Exception:  # NumPy parses the header as Python source
        return False
