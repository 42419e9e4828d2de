"""Whether a slide file is still the one that was opened, and its digest."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

# SeriesInstanceUID, DICOM PS3.6, in little endian with an explicit type: the files of
# a slide share it. It comes long before the pixels.
_SERIES = re.compile(rb'\x20\x00\x0e\x00UI..([0-9.]+)', re.DOTALL)
_HEAD = 1 << 16


class FileState(NamedTuple):
    """Size and time of a slide's files, by which a change of them shows.

    Attributes:
        size: bytes of the file that was named.
        modified_ns: its time.
        others: name, size and time of the further files of a MIRAX, DICOM or
            Hamamatsu VMS slide.
    """

    size: int
    modified_ns: int
    others: tuple[tuple[str, int, int], ...] = ()

    @classmethod
    def of(cls, path: Path) -> 'FileState':
        """Return the state of a slide's files.

        Raises:
            ValueError: the file is no longer there.
        """
        try:
            stat = path.stat()
        except OSError as error:  # of the whole slide, not of a region that is read
            raise ValueError(f'{path}: the slide file is no longer there.') from error
        others = []
        for other in sorted(_other_files(path)):
            with suppress(OSError):  # gone: then it is missing here, too
                part = other.stat()
                others.append((other.name, part.st_size, part.st_mtime_ns))
        return cls(stat.st_size, stat.st_mtime_ns, tuple(others))

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


def _other_files(path: Path) -> Iterator[Path]:
    """Yield the files that a slide has besides the one that names it."""
    suffix = path.suffix.lower()
    if suffix == '.mrxs':
        yield from path.with_suffix('').glob('*')
    elif suffix in ('.vms', '.vmu'):
        text = _head(path).decode('utf-8', 'replace')
        names = [line.partition('=')[2].strip() for line in text.splitlines()]
        yield from (path.with_name(name) for name in names if _is_name(name))
    elif suffix == '.dcm':
        series = set(_SERIES.findall(_head(path)))
        for other in path.parent.glob('*'):
            is_dicom = other.suffix.lower() == '.dcm' and other != path
            if is_dicom and series.intersection(_SERIES.findall(_head(other))):
                yield other


def _is_name(text: str) -> bool:
    """Tell whether a text can be the name of a file beside the slide."""
    return text == Path(text).name != '' and '\0' not in text


def _head(path: Path) -> bytes:
    """Read the beginning of a file; nothing of one that cannot be read."""
    try:
        if not path.is_file():  # a pipe would block
            return b''
        with path.open('rb') as file:
            return file.read(_HEAD)
    except OSError:
        return b''


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
