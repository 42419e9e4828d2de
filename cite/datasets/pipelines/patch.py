"""Where a pipeline's patch comes from: a file, an image in memory, or features."""

import os
from typing import Any, Optional

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cite.core.files.patch_file import read_patch_file
from cite.core.files.rgb import load_rgb

Results = dict[str, Any]


def read_patch(results: Results) -> Image.Image:
    """Return the image of a data set's item.

    Args:
        results: has ``img_pil``, an image to use as it is; ``img_info`` with the
            ``filename`` to read; or ``img`` as mmcls' ``inference_model`` passes it: a
            path, or an array that ``mmcv.imread`` returned, (H, W, 3), BGR, uint8.

    Returns:
        The decoded image, 8-bit RGB.

    Raises:
        FileNotFoundError: the file is missing.
        UnreadablePatchError: the file is truncated, damaged, not an image, not in one
            of ``FORMATS``, of too many pixels, or has pixels of unknown range.
        ValueError: the image in memory has pixels of unknown range.
        TypeError: there is neither a file nor an image.
    """
    if results.get('img_pil') is not None:
        return load_rgb(results['img_pil'])
    image = filename_of(results) or results.get('img')
    if isinstance(image, np.ndarray):
        return _from_array(image)
    if isinstance(image, Image.Image):
        return load_rgb(image)
    if not isinstance(image, (str, os.PathLike)):
        raise TypeError(
            f'the image is a {type(image).__name__}; give the path of a file, or an '
            'array as mmcv.imread returns it.'
        )
    return read_patch_file(os.fspath(image))


def to_array(image: Image.Image) -> np.ndarray:
    """Return an image as mmcls' tools have it: (H, W, 3), BGR, uint8."""
    return np.ascontiguousarray(np.asarray(image.convert('RGB'))[..., ::-1])


def _from_array(image: np.ndarray) -> Image.Image:
    """Return an array of mmcv's, (H, W, 3), BGR, as an image."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise TypeError(
            f'the image is an array of shape {image.shape} and type {image.dtype}; '
            'give (H, W, 3), BGR, uint8, as mmcv.imread returns it.'
        )
    return Image.fromarray(np.ascontiguousarray(image[..., ::-1]))


def read_feature(results: Results, at_random: bool) -> Tensor:
    """Return one draw of the features that are read instead of a patch.

    Args:
        results: has ``feature``, (num_aug, D), and ``feature_draw`` where the run
            decides which one is taken.
        at_random: take a random draw instead of the first.

    Returns:
        (D,), float32.
    """
    draws = results['feature']
    row = results.get('feature_draw') if at_random else 0
    if row is None:
        row = int(torch.randint(len(draws), ()))
    return torch.as_tensor(draws[row], dtype=torch.float32)


def filename_of(results: Results) -> Optional[str]:
    """Return the file name of a data set's item; None for an image in memory."""
    return (results.get('img_info') or {}).get('filename')
