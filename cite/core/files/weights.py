"""Read weights from a file: tensors and plain data, never code.

The exception are files that the user trusts: ``CITE_TRUST`` lists their paths,
separated as in ``PATH``. Folders do not count: each file has to be named.
"""

import ctypes
import os
import warnings
from pathlib import Path
from typing import Any, Union

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file as load_safetensors

from cite.core.messages import first_line

from .budget import TooLargeError
from .elsewhere import looked_at
from .plain_pickle import RefusedError
from .torch_files import read_torch_file

TRUST_VARIABLE = 'CITE_TRUST'
# torch keeps some 20 bytes for one of a safetensors file's header.
_LONGEST_HEADER = 16 << 20


def load_weights(path: Union[str, Path]) -> Any:
    """Load a checkpoint file onto the CPU without running anything in it.

    Reads ``.safetensors``, files of :func:`torch.save` that hold tensors and plain
    data, and TorchScript archives (OpenAI's CLIP), whose tensors are returned by name.
    A file that holds anything else is read only if ``CITE_TRUST`` lists it.

    Args:
        path: weights file.

    Returns:
        The content of the file: a state dict, or a dict around one.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is damaged, or holds more than tensors and plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such weights file.{looked_at(path)} Correct the path; a '
            'training run leaves '
            'latest.pth in its work_dir.'
        )
    if path.suffix == '.safetensors':
        return _read_safetensors(path)
    with path.open('rb') as file:
        try:
            return read_torch_file(file)
        except RefusedError as error:
            if _is_trusted(path):
                return _load_trusted(path)
            raise ValueError(
                f'{path} holds more than tensors and plain data and was not read '
                f'({error}). Reading it may run code that it carries. If you trust its '
                f'author, put {TRUST_VARIABLE}={path} before the command; better, ask '
                'for a .safetensors file.'
            ) from error
        # The parsers of zip and pickle raise many types on damaged files.
        except Exception as error:
            raise ValueError(
                f'{path} is damaged or not a checkpoint ({first_line(error)[:200]}). '
                'Copy or download it again.'
            ) from error


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        with path.open('rb') as file:
            header = int.from_bytes(file.read(8), 'little')
        if header > _LONGEST_HEADER:
            raise TooLargeError(f'its list of tensors has {header:,} bytes')
        return load_safetensors(str(path))
    # A type that torch lacks raises KeyError; a damaged header raises many types.
    except BaseException as error:
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        raise ValueError(f'{path} is not a whole safetensors file: {error}') from error


def is_panic(error: BaseException) -> bool:
    """Tell whether a library in Rust gave up: its exception is not an Exception."""
    return type(error).__name__ == 'PanicException'


def _is_trusted(path: Path) -> bool:
    entries = filter(None, os.environ.get(TRUST_VARIABLE, '').split(os.pathsep))
    return path.resolve() in [Path(entry).expanduser().resolve() for entry in entries]


def _load_trusted(path: Path) -> Any:
    """Read a trusted file as torch does, code included, and warn about it."""
    warnings.warn(
        f'{path} is read together with any code that it carries: {TRUST_VARIABLE} '
        'lists it.',
        stacklevel=3,
    )
    try:
        return dict(torch.jit.load(str(path), map_location='cpu').state_dict())
    except RuntimeError:
        return torch.load(str(path), map_location='cpu', weights_only=False)


def trim_heap() -> None:
    """Give freed memory back to the system where the C library can (glibc).

    Reading weights leaves hundreds of megabytes of freed memory below memory in use:
    the process, and every worker forked from it, would keep them to the end.
    """
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)


ORIGIN = 'converted_from'  # layout that `cite convert` read
OPTIONS = 'model_options'  # arguments of the backbone that the weights need, JSON


def read_notes(path: Union[str, Path, None]) -> dict[str, str]:
    """Return the metadata of a safetensors file; empty for any other file.

    A file that cannot be read gives nothing: what loads it says what is wrong with it.
    """
    file = Path(path or '').expanduser()
    if file.suffix != '.safetensors' or not file.is_file():
        return {}
    try:
        with safe_open(str(file), 'pt') as tensors:
            return dict(tensors.metadata() or {})
    except SafetensorError:
        return {}
