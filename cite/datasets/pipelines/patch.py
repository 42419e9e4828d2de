"""Where a pipeline's patch comes from: a file, an image in memory, or features."""

from typing import Any, Optional

import torch
from PIL import Image
from torch import Tensor

from cite.core.files.patch_file import read_patch_file
from cite.core.files.rgb import load_rgb

Results = dict[str, Any]


def read_patch(results: Results) -> Image.Image:
    """Return the image of a data set's item.

    Args:
        results: has ``img_pil``, an image to use as it is, or ``img_info`` with the
            ``filename`` to read.

    Returns:
        The decoded image, 8-bit RGB.

    Raises:
        FileNotFoundError: the file is missing.
        UnreadablePatchError: the file is truncated, damaged, not an image, not in one
            of ``FORMATS``, larger than Pillow decodes, or has pixels of unknown range.
        ValueError: the image in memory has pixels of unknown range.
    """
    if results.get('img_pil') is not None:
        return load_rgb(results['img_pil'])
    path: Any = filename_of(results)
    return read_patch_file(path)


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
