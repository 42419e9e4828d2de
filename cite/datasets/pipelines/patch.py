"""Where a pipeline's patch comes from: a file, an image in memory, or features."""

from pathlib import Path
from typing import Any, Optional, Union

import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

Results = dict[str, Any]
# What patches are stored as. Pillow looks at what a file holds, not at its name, and
# knows more: an EPS, whatever it is called, has it start Ghostscript.
FORMATS = ('JPEG', 'PNG', 'TIFF', 'BMP', 'WEBP', 'JPEG2000', 'GIF', 'PPM')
_PREFIX = 16  # bytes that Pillow tells formats by


class UnreadablePatchError(ValueError):
    """A patch file that is there but cannot be decoded."""


def open_patch(path: Union[str, Path]) -> Image.Image:
    """Open an image file as ``Image.open`` does, if it is of a format that is read.

    Raises:
        OSError: it is missing, no image, or of another format; it says which.
    """
    try:
        return Image.open(path, formats=FORMATS)
    except UnidentifiedImageError as error:
        kind = _other_format(path)
        if kind is None:
            raise
        raise UnidentifiedImageError(
            f'it begins as a file of format {kind} does; patches are read from '
            f'{", ".join(FORMATS)} alone, so convert it'
        ) from error


def _other_format(path: Union[str, Path]) -> Optional[str]:
    """Name the format of a file that is not read, by its first bytes alone."""
    Image.init()
    with open(path, 'rb') as file:
        prefix = file.read(_PREFIX)
    if len(prefix) < _PREFIX:
        return None
    for kind in Image.ID:
        accepts = Image.OPEN[kind][1]
        # A text instead of True says why Pillow cannot read it.
        if kind not in FORMATS and accepts is not None and accepts(prefix) is True:
            return kind
    return None


def read_patch(results: Results) -> Image.Image:
    """Return the image of a data set's item.

    Args:
        results: has ``img_pil``, an image to use as it is, or ``img_info`` with the
            ``filename`` to read.

    Returns:
        The decoded image, in the mode that its file has.

    Raises:
        FileNotFoundError: the file is missing.
        UnreadablePatchError: the file is truncated, damaged, not an image, not in one
            of ``FORMATS``, or larger than Pillow decodes.
    """
    path: Any = filename_of(results)
    if results.get('img_pil') is not None:
        return results['img_pil']
    try:
        with open_patch(path) as image:
            image.load()
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: no such patch.') from error
    except MemoryError:  # says nothing about the file
        raise
    # Damage makes Pillow's decoders raise whatever comes to their minds: SyntaxError,
    # IndexError, struct.error.
    except Exception as error:
        raise UnreadablePatchError(
            f'{path}: this patch is truncated, or not an image ({error}).'
        ) from error
    return image


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


def note_filename(results: Results) -> None:
    """Put the item's file name where mmcls' ``Collect`` looks for it."""
    results['filename'] = filename_of(results)


def filename_of(results: Results) -> Optional[str]:
    """Return the file name of a data set's item; None for an image in memory."""
    return (results.get('img_info') or {}).get('filename')
