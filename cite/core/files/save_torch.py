"""Save tensors, with a clear error where the disk is full."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Optional, Union, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file


class _Deferring:
    """A file to write to that keeps its first error for later.

    torch 1.13 writes the end of its archive in a destructor: an error there ends the
    process, and so does one in a write, because the destructor comes after it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: Optional[OSError] = None

    def write(self, data: Any) -> int:
        try:
            if self.error is None:
                self.file.write(data)
        except OSError as error:
            self.error = error
        return memoryview(data).nbytes

    def flush(self) -> None:
        """Do nothing: closing the file flushes it."""


def save_torch(content: Any, path: Union[str, Path]) -> None:
    """Write what :func:`torch.save` takes.

    Raises:
        OSError: the file cannot be written, because the disk is full for example.
    """
    with Path(path).open('wb') as file:
        deferring = _Deferring(file)
        torch.save(content, cast(Any, deferring))
        if deferring.error is not None:
            raise deferring.error


def save_safetensors(
    tensors: Mapping[str, torch.Tensor],
    path: Union[str, Path],
    metadata: Optional[dict[str, str]] = None,
) -> None:
    """Write a safetensors file that those may read who may read other new files.

    Raises:
        OSError: the file cannot be written, because the disk is full for example.
    """
    path = Path(path)
    path.touch()
    usual_mode = path.stat().st_mode
    try:
        save_file(dict(tensors), str(path), metadata)
    except SafetensorError as error:
        number = re.search(r'os error (\d+)', str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
    path.chmod(usual_mode)  # safetensors may let only the owner read
