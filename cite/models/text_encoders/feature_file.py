"""Text embeddings that were saved to a file."""

from pathlib import Path
from typing import Union

import numpy as np
import torch
from torch import Tensor

from cite.core.files.weights import load_weights


def load_text_features(path: Union[str, Path]) -> Tensor:
    """Read a saved (K, D) tensor.

    Args:
        path: a ``.npy`` file, a ``.safetensors`` file with one tensor, or a file of
            :func:`torch.save` with a tensor or a dict of one tensor.

    Returns:
        (K, D) fp32 tensor on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file does not hold one such tensor, or is damaged.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f'{path}: no such file (model.head.text_encoder.text_feature_file).'
        )
    features = _load_npy(path) if path.suffix == '.npy' else load_weights(path)
    if isinstance(features, dict) and len(features) == 1:
        features = next(iter(features.values()))
    if not isinstance(features, Tensor) or features.dim() != 2:
        shape = getattr(features, 'shape', None)
        content = type(features).__name__ if shape is None else f'shape {tuple(shape)}'
        raise ValueError(
            f'{path} must hold one tensor (texts, width), but has {content}.'
        )
    return features.detach().float()


def _load_npy(path: Path) -> Tensor:
    try:
        return torch.from_numpy(np.load(path, allow_pickle=False))
    except Exception as error:  # NumPy parses the header as Python source
        raise ValueError(f'{path} is not an array of numbers: {error}') from error
