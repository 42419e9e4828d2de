"""Write a file whole or not at all."""

import errno
import glob
import io
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional, Union

# The end of the name of a file that is still being written.
PARTIAL = '.partial'
# Full, over quota, beyond a limit, broken, read-only: not of a socket, say.
_UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@contextmanager
def write_whole(path: Union[str, Path]) -> Iterator[Path]:
    """Yield a temporary path to write to, which then becomes the file.

    The temporary file is in the same folder, ends in ``.partial`` and has a unique
    name, so that two processes may write the same file: the last one wins. It is
    flushed to the disk before it is renamed. If the block fails, it is removed and an
    earlier file stays unchanged. The folder is made if it is missing.

    Args:
        path: file to write.

    Raises:
        OSError: the file cannot be written, as on a full disk; it is named.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.{uuid.uuid4().hex[:8]}{PARTIAL}')
    try:
        with naming(path):
            yield partial
            flush(partial)
            os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    flush(path.parent)


def remove_partials(folder: Path, name: str = '', depth: int = 0) -> None:
    """Remove what writers that were killed left behind; nobody else may write there.

    Args:
        folder: where to look.
        name: what the names of the files, or folders, begin with.
        depth: levels of folders below it to look into, too.
    """
    unique = '[0-9a-f]' * 8  # of uuid4, so that nobody else's files are taken for ours
    pattern = f'{glob.escape(name)}*.{unique}{PARTIAL}'
    for level in range(depth + 1):
        for left in [*folder.glob('*/' * level + pattern)]:
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


@contextmanager
def naming(path: Union[str, Path]) -> Iterator[None]:
    """Name a file in the errors of its writing, which by themselves do not.

    Raises:
        OSError: what the block raised, with the file if it could not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _UNWRITTEN and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def write_text_whole(path: Union[str, Path], text: str) -> None:
    """Write a text file whole or not at all, in UTF-8 and with line ends as given.

    Raises:
        OSError: the file cannot be written.
    """
    with write_whole(path) as partial:
        partial.write_bytes(text.encode('utf-8'))


def flush(path: Union[str, Path]) -> None:
    """Wait until a file, or a folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class NotingFile(io.FileIO):
    """A file that notes why it cannot be written, instead of raising.

    HDF5 itself turns a full disk into a RuntimeError at its end, without the errno, and
    prints others that nobody can catch.

    Args:
        path: file to write anew.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), 'w+')
        self._path = path
        self._error: Optional[OSError] = None

    def check(self) -> None:
        """Raise the first error of a write, if there was one.

        Raises:
            OSError: with its errno, and the file.
        """
        if self._error is not None:
            error = self._error
            raise OSError(error.errno, error.strerror, str(self._path)) from error

    def write(self, data: Any) -> int:
        """Write all bytes; a disk that fills up takes the first of them alone."""
        rest = memoryview(data).cast('B')
        try:
            while rest:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self._error = self._error or error
        return len(data)

    def truncate(self, size: Optional[int] = None) -> int:
        """Set the length of the file."""
        try:
            return super().truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size or 0
