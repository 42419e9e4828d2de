"""Where a pipeline's patch comes from: a file, an image in memory, or features."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

from cite.core.files.patch_file import read_patch_file

Results = dict[str, Any]


def read_patch(results: Results) -> Image.Image:
    """Return the image of a data set's item, and note its file name.

    Args:
        results: has ``img_pil``, an image to use as it is, or ``img_info`` with the
            ``filename`` to read. ``filename`` is added.

    Returns:
        The decoded image, in whatever mode it has.

    Raises:
        FileNotFoundError: the file is missing.
        UnreadablePatchError: the file cannot be decoded.
    """
    path = _note_filename(results)
    if results.get('img_pil') is not None:
        return results['img_pil']
    return read_patch_file(path)


def read_feature(results: Results, at_random: bool) -> Tensor:
    """Return one draw of the features that stand in a patch's place.

    Args:
        results: has ``feature``, (num_aug, D), and where the run decides it,
            ``feature_draw``. ``filename`` is added.
        at_random: any draw, rather than the first.

    Returns:
        (D,), float32.
    """
    _note_filename(results)
    draws = results['feature']
    row = results.get('feature_draw') if at_random else 0
    if row is None:
        row = int(torch.randint(len(draws), ()))
    return torch.as_tensor(draws[row], dtype=torch.float32)


def _note_filename(results: Results) -> Any:
    info = results.get('img_info') or {}
    results['filename'] = info.get('filename')
    return results['filename']
