"""Where a pipeline's patch comes from: a file, an image in memory, or features."""

from typing import Any

import torch
from PIL import Image
from torch import Tensor

Results = dict[str, Any]


class UnreadablePatchError(ValueError):
    """A patch file that is there but cannot be decoded."""


def read_patch(results: Results) -> Image.Image:
    """Return the image of a data set's item, and note its file name.

    Args:
        results: has ``img_pil``, an image to use as it is, or ``img_info`` with the
            ``filename`` to read. ``filename`` is added.

    Returns:
        The decoded image, in whatever mode it has.

    Raises:
        FileNotFoundError: the file is missing.
        UnreadablePatchError: the file is truncated or no image.
    """
    path = _note_filename(results)
    if results.get('img_pil') is not None:
        return results['img_pil']
    try:
        with Image.open(path) as image:
            image.load()
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: no such patch.') from error
    # Pillow's decoders also raise these two on damaged headers.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnreadablePatchError(
            f'{path}: this patch is truncated, or not an image ({error}).'
        ) from error
    return image


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
