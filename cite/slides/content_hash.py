"""The digest of a file."""

import hashlib
from pathlib import Path


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
