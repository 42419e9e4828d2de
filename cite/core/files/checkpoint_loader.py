"""mmcv reads local checkpoints with a plain ``torch.load``.

Under torch 1.13 that runs whatever a pickle says, and it cannot read safetensors. Ours
reads tensors and plain data only. It also knows ``none``: a checkpoint without weights,
for models that have nothing to train (zero-shot), since ``mim test`` insists on one.
"""

import os.path as osp
from collections.abc import Mapping
from typing import Any, Callable, NoReturn, Union

import torch
from mmcv.runner.checkpoint import CheckpointLoader

from cite.core.frozen import NO_CHECKPOINT_KEY

from .weights import load_weights

# mmcls' test.py wants class names from the checkpoint; without them it takes
# ImageNet's. A number per class says no more than we know.
_NUMBERS = [str(i) for i in range(1000)]


def load_from_local(
    filename: str, map_location: Union[str, Callable, None] = None
) -> dict[str, Any]:
    """Load a checkpoint from a local path, or the empty one called ``none``.

    Args:
        filename: path of a ``.pth``, ``.safetensors`` or TorchScript file.
        map_location: unused: everything is read onto the CPU and copied from there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds more than tensors and plain data, or no weights.
    """
    path = osp.expanduser(filename)
    if filename == 'none' and not osp.exists(path):
        return {
            'state_dict': {NO_CHECKPOINT_KEY: torch.ones(())},
            'meta': {'CLASSES': _NUMBERS},
        }
    checkpoint = load_weights(path)
    check_checkpoint(checkpoint, path)
    return checkpoint


def check_checkpoint(checkpoint: Any, file: str) -> None:
    """See that a checkpoint is of the kinds that mmcv takes for granted.

    Args:
        checkpoint: as read. Without a ``state_dict`` it may be one, or have others in
            it under names that its reader knows.
        file: for the message.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(checkpoint, dict):
        _refuse(file, f'it holds a {type(checkpoint).__name__}')
    odd = [key for key in checkpoint if not isinstance(key, str)]
    if odd:
        _refuse(file, f'the name {odd[0]!r} is no text')
    if 'state_dict' not in checkpoint:
        return
    check_state_dict(checkpoint['state_dict'], file)
    if not isinstance(checkpoint.get('meta') or {}, dict):
        _refuse(file, f"'meta' is a {type(checkpoint['meta']).__name__}")


def check_state_dict(state: Any, file: str) -> None:
    """See that a state dict is one, names and tensors, before PyTorch trusts it.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(state, Mapping):
        _refuse(file, f"'state_dict' is a {type(state).__name__}")
    for name, value in state.items():
        if not isinstance(name, str):
            _refuse(file, f'the name {name!r} is no text')
        if not isinstance(value, torch.Tensor):
            _refuse(file, f'{name} is a {type(value).__name__}, no tensor')
    versions = getattr(state, '_metadata', None) or {}
    if not isinstance(versions, dict) or not all(
        isinstance(value, dict) for value in versions.values()
    ):
        _refuse(file, 'its _metadata is not one dict for each module')


def _refuse(file: str, why: str) -> NoReturn:
    raise ValueError(
        f'{file or "the state dict"}: these are not the weights of a model: {why}. '
        'Give the checkpoint of a training run, or copy this one again.'
    )


def install() -> None:
    """Register the loader for local files in place of mmcv's."""
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)
