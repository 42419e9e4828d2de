"""A small file system of its own, which fills up, and a limit that needs no root."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a tmpfs in a new folder, or skip the test where only root may.

    Args:
        folder: where to; it is made.
        size: of the file system, such as ``'1m'``.
    """
    folder.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(folder)]
    done = subprocess.run(mount, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f'no tmpfs can be mounted here: {done.stderr.strip()}')
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', str(folder)], check=True)


def fill(folder: Path, but: int = 0) -> Path:
    """Write a file that leaves that many bytes free; return it."""
    ballast = folder / 'ballast'
    with ballast.open('wb', buffering=0) as file:
        try:
            while file.write(bytes(4096)) == 4096:
                pass
        except OSError:
            pass
        file.truncate(max(file.tell() - but, 0))
    return ballast


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file of this process and its children grow beyond that many bytes.

    What is written beyond fails with EFBIG, as beyond the largest file of a file
    system; Python ignores the signal that comes with it.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
