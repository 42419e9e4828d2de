"""What tells one model's files from another's: by place and time, or by content."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .hub import find_folder, weight_files

# Enough to tell two models apart without reading gigabytes.
_BLOCKS, _BLOCK_BYTES = 16, 1 << 16


def cache_identity(model: str) -> dict[str, Any]:
    """Describe a model so that any change to its files shows.

    By a folder's path and its files' names, sizes and times; or by a hub name and the
    commit of its local snapshot, if there is one.
    """
    folder = find_folder(model)
    if folder is None:
        return {'model': model}
    if not Path(model).expanduser().is_dir():
        return {'model': model, 'commit': folder.name}
    return {'folder': str(folder.resolve()), 'files': stamps(sorted(folder.iterdir()))}


def stamps(files: Sequence[Path]) -> list[list[Any]]:
    """Return name, size and time of each file."""
    stats = [(file.name, file.stat()) for file in files if file.is_file()]
    return [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]


def short_name(model: str) -> str:
    """Return the last part of a hub name or path: the same after a folder has moved."""
    path = Path(model).expanduser()
    if path.is_dir():
        path = path.absolute()
        if path.parent.name == 'snapshots':  # …/models--owner--name/snapshots/commit
            return path.parent.parent.name.split('--')[-1]
    return path.name


def model_digest(model: str) -> dict[str, str]:
    """Return :func:`weights_digest` of a model's files, if they are on this machine."""
    folder = find_folder(model)
    return weights_digest(weight_files(folder) if folder else [])


def weights_digest(files: Sequence[Path]) -> dict[str, str]:
    """Digest weight files by their sizes and evenly spaced blocks: {suffix: digest}.

    Only digests of one suffix compare: a model's pickle and its safetensors differ.
    """
    if not files:
        return {}
    sha = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        sha.update(str(size).encode())
        with path.open('rb') as file:
            for i in range(_BLOCKS):
                file.seek(max(size - _BLOCK_BYTES, 0) * i // (_BLOCKS - 1))
                sha.update(file.read(_BLOCK_BYTES))
    return {files[0].suffix[1:]: sha.hexdigest()}
