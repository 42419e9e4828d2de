"""Text embeddings on disk: a language model is read once, not at every start.

The files are in ``$CITE_CACHE``, by default ``~/.cache/cite/text_embeddings``, one
safetensors file per question. ``CITE_CACHE=off`` turns them off. A fault of the folder
or of a file costs time, never a run.

``_memory`` also keeps the answers for the life of the process, because a model is built
several times in one. It is safe to share: a key states everything the answer depends
on, and callers get copies.
"""

import functools
import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable, Optional

from safetensors import safe_open
from torch import Tensor

from cite.core.files.save_torch import save_safetensors
from cite.core.files.weights import is_panic
from cite.core.files.write_whole import write_whole

# Raise it when the same question may get another answer.
FORMAT = 1

Tensors = dict[str, Tensor]
_memory: dict[str, Tensors] = {}


def cached(
    question: Callable[[], Mapping[str, Any]], answer: Callable[[], Tensors]
) -> Tensors:
    """Return the answer to a question: from memory, from disk, or by computing it.

    Args:
        question: describes everything the answer depends on, by plain data. It is
            asked again after the answer, which may have downloaded a model.
        answer: computes the answer.

    Returns:
        named tensors on the CPU, a copy for the caller.
    """
    key = _key(question())
    tensors = _memory.get(key) or _read(key)
    if tensors is None:
        tensors = answer()
        key = _key(question())
        _write(key, tensors)
    _memory[key] = tensors
    return {name: tensor.clone() for name, tensor in tensors.items()}


def forget() -> None:
    """Forget what this process remembers; files stay."""
    _memory.clear()


def cache_folder() -> Optional[Path]:
    """Return the folder of the cache, or None where it is turned off."""
    setting = os.environ.get('CITE_CACHE', '')
    if setting.lower() == 'off':
        return None
    home = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
    folder = Path(setting) if setting else Path(home) / 'cite' / 'text_embeddings'
    try:
        return folder.expanduser()
    except (KeyError, RuntimeError):  # an unknown user, as in `docker run --user 12345`
        _warn_once(
            f'the cache of text embeddings, {folder}, is below the home of a user who '
            'is not known here, so every start reads the language model again. '
            'Set CITE_CACHE to a folder that can be written, or to "off".'
        )
        return None


def _read(key: str) -> Optional[Tensors]:
    folder = cache_folder()
    if folder is None:
        return None
    try:
        if not (folder / f'{key}.safetensors').is_file():  # a pipe would block
            return None
        with safe_open(str(folder / f'{key}.safetensors'), framework='pt') as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            checksum = (file.metadata() or {}).get('checksum')
        return tensors if checksum == _checksum(tensors) else None
    # A folder or half a file in its place: it costs time, never a run.
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        return None


def _write(key: str, tensors: Tensors) -> None:
    folder = cache_folder()
    if folder is None:
        return
    try:
        with write_whole(folder / f'{key}.safetensors') as partial:
            save_safetensors(tensors, partial, {'checksum': _checksum(tensors)})
    except Exception as error:
        reason = getattr(error, 'strerror', None) or error  # without the random name
        _warn_once(
            f'the text embeddings could not be kept in {folder} ({reason}), so the '
            'next start reads the language model again. Set CITE_CACHE to a folder '
            'that can be written, or to "off".'
        )


@functools.cache
def _warn_once(message: str) -> None:
    warnings.warn(message, stacklevel=2)


def _key(question: Mapping[str, Any]) -> str:
    data = json.dumps({'format': FORMAT, **question}, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


def _checksum(tensors: Tensors) -> str:
    parts = [
        f'{name}{tensor.dtype}{tuple(tensor.shape)}'.encode() + tensor.numpy().tobytes()
        for name, tensor in sorted(tensors.items())
    ]
    return hashlib.sha256(b''.join(parts)).hexdigest()
