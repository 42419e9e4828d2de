"""One run at a time where two would write the same thing."""

import contextlib
import errno
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Union

# Another process has the lock; other errors say that the file system has no locks.
_TAKEN = (errno.EACCES, errno.EAGAIN)
_held: set[str] = set()


@contextmanager
def only_one(target: Union[str, Path], doing: str, remedy: str) -> Iterator[None]:
    """Hold a file or folder for as long as the block runs.

    The lock ends with the process, however it ends, and its workers do not have it. It
    is a file, ``.lock`` in a folder or ``.NAME.lock`` beside a file, that says who has
    it. Where the file system has no locks, or the folder cannot be written, nothing is
    locked: the command that writes there will say what is wrong.

    Args:
        target: folder, or file that is going to be written.
        doing: what the block does, as in "another run is …".
        remedy: what to do instead, the end of the message.

    Raises:
        ValueError: another process, or another block of this one, has it.
    """
    path = lock_file(target)
    key = str(path)
    if key in _held:
        raise ValueError(f'{target}: this process is already {doing} there. {remedy}')
    file = _take(path, target, doing, remedy)
    _held.add(key)
    try:
        yield
    finally:
        _held.discard(key)
        if file is not None:
            with contextlib.suppress(OSError):
                path.unlink()
            file.close()


def lock_file(target: Union[str, Path]) -> Path:
    """Return the lock of a folder, or of a file."""
    path = Path(os.path.abspath(Path(target).expanduser()))
    if path.is_dir():
        return path.resolve() / '.lock'
    return path.parent.resolve() / f'.{path.name}.lock'


def _take(
    path: Path, target: Union[str, Path], doing: str, remedy: str
) -> Union[IO[str], None]:
    while True:
        try:
            # Not a link's target, whose content would be replaced.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            file = os.fdopen(
                os.open(path, flags, 0o666), 'r+', encoding='utf-8', errors='replace'
            )
        except (OSError, ValueError):
            return None
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(file)
            file.close()
            if error.errno not in _TAKEN:
                return None
            raise ValueError(
                f'{target}: another run is already {doing} there ({holder}). {remedy}'
            ) from error
        if _is_still(file, path):
            break
        file.close()  # its holder has ended, and removed it, in between
    with contextlib.suppress(OSError):  # a full disk: the lock holds without its text
        file.truncate(0)
        os.write(file.fileno(), _self().encode('utf-8', 'backslashreplace'))
    return file


def _is_still(file: IO[str], path: Path) -> bool:
    """Tell whether an open file is the one at its path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _holder(file: IO[str]) -> str:
    file.seek(0)
    return ' '.join(file.read(500).split()) or 'it has just started'


def _self() -> str:
    """Describe this process for one that comes second."""
    now = datetime.now(timezone.utc).isoformat(timespec='seconds')
    command = ' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200]
    return f'process {os.getpid()} on {socket.gethostname()} since {now}: {command}\n'
