"""Read local checkpoints for mmcv: tensors and plain data only.

mmcv calls ``torch.load``, which under torch 1.13 runs any code that a pickle names, and
which cannot read safetensors. ``none`` is a checkpoint without weights, for models that
have nothing to train (zero-shot), because ``mim test`` requires a checkpoint.
"""

import os.path as osp
from collections.abc import Mapping
from typing import Any, Callable, NoReturn, Union

import torch

from cite.core.frozen import NO_CHECKPOINT_KEY

from .weights import load_weights

# mmcls' test.py takes class names from the checkpoint, or else ImageNet's. Numbers
# replace the names, which are not known here.
_NUMBERS = [str(i) for i in range(1000)]


def load_from_local(
    filename: str, map_location: Union[str, Callable, None] = None
) -> dict[str, Any]:
    """Load a checkpoint from a local path, or the empty one called ``none``.

    Args:
        filename: path of a ``.pth``, ``.safetensors`` or TorchScript file.
        map_location: unused: everything is read onto the CPU and copied from there.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file holds more than tensors and plain data, or no weights.
    """
    path = osp.expanduser(filename)
    if filename == 'none' and not osp.exists(path):
        state = {NO_CHECKPOINT_KEY: torch.ones(())}
        return {'state_dict': state, 'meta': {'CLASSES': _NUMBERS}}
    checkpoint = load_weights(path)
    check_checkpoint(checkpoint, path)
    return checkpoint


def check_checkpoint(checkpoint: Any, file: str) -> None:
    """Check that a checkpoint has the types that mmcv takes for granted.

    Args:
        checkpoint: content of the file; the key ``state_dict`` may be missing.
        file: path for the message.

    Raises:
        ValueError: a part has another type.
    """
    if not isinstance(checkpoint, dict):
        _refuse(file, f'it holds a {type(checkpoint).__name__}')
    _check_names(checkpoint, file)
    if 'state_dict' not in checkpoint:
        return
    check_state_dict(checkpoint['state_dict'], file)
    if not isinstance(checkpoint.get('meta') or {}, dict):
        _refuse(file, f"'meta' is a {type(checkpoint['meta']).__name__}")


def check_state_dict(state: Any, file: str) -> None:
    """Check that a state dict maps names to tensors, before PyTorch trusts it.

    Args:
        file: path for the message, or an empty string.

    Raises:
        ValueError: a part has another type.
    """
    if not isinstance(state, Mapping):
        _refuse(file, f"'state_dict' is a {type(state).__name__}")
    _check_names(state, file)
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            _refuse(file, f'{name} is a {type(value).__name__}, not a tensor')
    versions = getattr(state, '_metadata', None) or {}
    if not isinstance(versions, dict) or not all(
        isinstance(value, dict) for value in versions.values()
    ):
        _refuse(file, 'its _metadata is not one dict for each module')


def _check_names(entries: Mapping, file: str) -> None:
    for name in entries:
        if not isinstance(name, str):
            _refuse(file, f'the name {name!r} is not a string')


def _refuse(file: str, why: str) -> NoReturn:
    raise ValueError(
        f'{file or "the state dict"}: these are not the weights of a model: {why}. '
        'Give the checkpoint of a training run, or copy this one again.'
    )
