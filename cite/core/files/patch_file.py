"""Patch images from disk: the formats that are read, and errors that name the file."""

import os
from pathlib import Path
from typing import Optional, Union

from PIL import Image, UnidentifiedImageError

from .elsewhere import looked_at
from .rgb import PixelError, load_rgb

# Formats that patches are stored in. Pillow looks at a file's content, not at its name,
# and supports more formats: for an EPS, under any name, it would start Ghostscript.
FORMATS = ('JPEG', 'PNG', 'TIFF', 'BMP', 'WEBP', 'JPEG2000', 'GIF', 'PPM')
# The largest regions that models take have 4,096 pixels a side. A file of a few hundred
# kilobytes can claim more, of which each worker then holds several copies.
MOST_PIXELS = 6000 * 6000
# How the names of such files end, in small letters, as Pillow lists them.
SUFFIXES = (
    *('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.apng', '.tif', '.tiff', '.bmp'),
    *('.webp', '.jp2', '.j2k', '.jpc', '.jpf', '.jpx', '.j2c', '.gif'),
    *('.pbm', '.pgm', '.ppm', '.pnm', '.pfm'),
)
_PREFIX = 16  # bytes by which Pillow recognises a format


class UnreadablePatchError(ValueError):
    """A patch file that exists but cannot be decoded."""


def open_patch(path: Union[str, Path]) -> Image.Image:
    """Open an image file as ``Image.open`` does, if its format is one of ``FORMATS``.

    Raises:
        FileNotFoundError: it is missing, or a folder, a pipe or a device, which would
            block.
        OSError: it is not an image, in the format that the message states, or larger
            than ``MOST_PIXELS``.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path}: no such file.')
    try:
        image = Image.open(path, formats=FORMATS)
        width, height = image.size
        if width * height > MOST_PIXELS:
            image.close()
            raise OSError(
                f'it has {width:,} x {height:,} pixels, more than the '
                f'{MOST_PIXELS:,} of the largest patches; cut it into patches'
            )
        return image
    except UnidentifiedImageError as error:
        kind = _other_format(path)
        if kind is None:
            raise
        raise UnidentifiedImageError(
            f'it begins as a file of format {kind} does; patches are read from '
            f'{", ".join(FORMATS)} alone, so convert it'
        ) from error


def read_patch_file(path: Union[str, Path]) -> Image.Image:
    """Decode a patch file into 8-bit RGB.

    Raises:
        FileNotFoundError: the file is missing.
        UnreadablePatchError: the file is truncated, damaged, not an image, not in one
            of ``FORMATS``, of more than ``MOST_PIXELS``, or has pixels of unknown
            range.
    """
    try:
        with open_patch(path) as image:
            return load_rgb(image)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: no such patch.{looked_at(path)}') from error
    except MemoryError:  # not a fault of the file
        raise
    except PixelError as error:
        raise UnreadablePatchError(f'{path}: {error}') from error
    # Pillow's decoders raise any exception for damaged files: SyntaxError, IndexError,
    # struct.error.
    except Exception as error:
        raise UnreadablePatchError(
            f'{path}: this patch is truncated, or not an image ({error}).'
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
        # A string instead of True states why Pillow cannot read it.
        if kind not in FORMATS and accepts is not None and accepts(prefix) is True:
            return kind
    return None
