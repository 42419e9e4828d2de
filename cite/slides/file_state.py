"""Whether a slide file is still the one that was opened, and its digest."""

import hashlib
from pathlib import Path
from typing import NamedTuple


class FileState(NamedTuple):
    """Size and time of a file, by which a change of it shows."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> 'FileState':
        """Return the state of a file.

        Raises:
            ValueError: the file is no longer there.
        """
        try:
            stat = path.stat()
        except OSError as error:  # of the whole slide, not of a region that is read
            raise ValueError(f'{path}: the slide file is no longer there.') from error
        return cls(stat.st_size, stat.st_mtime_ns)

    def require_same(self, path: Path) -> None:
        """Refuse a file that was replaced, cut short or written to since then.

        Raises:
            ValueError: it was, or it is no longer there.
        """
        if FileState.of(path) != self:
            raise ValueError(
                f'{path}: the file changed while it was being read. Start again when '
                'nothing writes to it.'
            )


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes.

    Raises:
        ValueError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open('rb') as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise ValueError(f'{path}: the file cannot be read: {error}') from error
    return digest.hexdigest()
