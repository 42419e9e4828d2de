"""Read weights from a file: tensors and plain data, never code."""

import pickle
from pathlib import Path
from typing import Any, Union

import torch
from mmcv.utils import digit_version
from safetensors import SafetensorError
from safetensors.torch import load_file as load_safetensors

from . import plain_pickle


def load_weights(path: Union[str, Path]) -> Any:
    """Load a checkpoint file onto the CPU without running anything in it.

    Reads ``.safetensors``, files of :func:`torch.save` holding tensors and plain
    containers, and TorchScript archives (OpenAI's CLIP), of which the state dict is
    returned.

    Args:
        path: the file.

    Returns:
        What the file holds: a state dict, or a dict around one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or holds more than tensors and plain data.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such weights file.')
    if path.suffix == '.safetensors':
        try:
            return load_safetensors(str(path))
        except SafetensorError as error:
            raise ValueError(f'{path} is not a whole safetensors file: {error}') from error
    if _is_torchscript(path):
        return dict(torch.jit.load(str(path), map_location='cpu').state_dict())
    try:
        return _load_tensors(str(path))
    except pickle.UnpicklingError as error:
        raise ValueError(
            f'{path} holds more than tensors and plain data, or is damaged, and was not '
            f'read ({_first_line(error)}). If you trust where it comes from, load it '
            'with torch.load yourself and save its state dict with safetensors.'
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        raise ValueError(
            f'{path} is damaged or not a checkpoint: {_first_line(error)}'
        ) from error


def _load_tensors(path: str) -> Any:
    if digit_version(torch.__version__) < digit_version('2.0'):
        return plain_pickle.load_checkpoint(path)
    return torch.load(path, map_location='cpu', weights_only=True)


def _is_torchscript(path: Path) -> bool:
    """Tell a TorchScript archive from a plain one by its table of constants."""
    try:
        reader = torch._C.PyTorchFileReader(str(path))
    except RuntimeError:
        return False
    return 'constants.pkl' in reader.get_all_records()


def _first_line(error: BaseException) -> str:
    return str(error).strip().split('\n')[0]
