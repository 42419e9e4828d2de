"""mmcv reads local checkpoints with a plain ``torch.load``.

Under torch 1.13 that runs whatever a pickle says, and it cannot read safetensors. Ours
reads tensors and plain data only. It also knows ``none``: a checkpoint without weights,
for models that have nothing to train (zero-shot), since ``mim test`` insists on one.
"""

import os.path as osp
from typing import Any, Callable, Union

import torch
from mmcv.runner.checkpoint import CheckpointLoader

from cite.core.frozen import NO_CHECKPOINT_KEY
from cite.core.weights import load_weights

# mmcls' test.py wants class names from the checkpoint; without them it takes
# ImageNet's. A number per class says no more than we know.
_NUMBERS = [str(i) for i in range(1000)]

# mmcv hands a state dict on without saying what file it is from; for messages.
last_read = ''


def load_from_local(
    filename: str, map_location: Union[str, Callable, None] = None
) -> dict[str, Any]:
    """Load a checkpoint from a local path, or the empty one called ``none``.

    Args:
        filename: path of a ``.pth``, ``.safetensors`` or TorchScript file.
        map_location: unused: everything is read onto the CPU and copied from there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds more than tensors and plain data.
    """
    global last_read
    path = last_read = osp.expanduser(filename)
    if filename == 'none' and not osp.exists(path):
        return {
            'state_dict': {NO_CHECKPOINT_KEY: torch.ones(())},
            'meta': {'CLASSES': _NUMBERS},
        }
    return load_weights(path)


def install() -> None:
    """Register the loader for local files in place of mmcv's."""
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)
