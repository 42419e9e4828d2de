"""One run at a time in a folder."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this run; the system lets go when the process ends, killed too.

    Args:
        folder: made if it is missing; the lock is its file ``.lock``.

    Raises:
        ValueError: another run holds it.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / '.lock').open('w') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ValueError(
                f'{folder}: another run writes into this folder. Wait for it, or name '
                'another --out.'
            ) from error
        yield
