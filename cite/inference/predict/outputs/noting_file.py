"""A file for HDF5 on a disk that may be full."""

import io
from pathlib import Path
from typing import Any, Optional


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
