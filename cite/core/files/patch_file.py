"""Patch images from disk: the formats that are read, and errors that name the file."""

from pathlib import Path
from typing import Optional, Union

from PIL import Image, UnidentifiedImageError

from .rgb import PixelError, load_rgb

# Formats that patches are stored in. Pillow looks at a file's content, not at its name,
# and supports more formats: for an EPS, under any name, it would start Ghostscript.
FORMATS = ('JPEG', 'PNG', 'TIFF', 'BMP', 'WEBP', 'JPEG2000', 'GIF', 'PPM')
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
        OSError: it is missing, not an image, or in the format that the message states.
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


def read_patch_file(path: Union[str, Path]) -> Image.Image:
    """Decode a patch file into 8-bit RGB.

    Raises:
        FileNotFoundError: the file is missing.
        UnreadablePatchError: the file is truncated, damaged, not an image, not in one
            of ``FORMATS``, larger than Pillow decodes, or has pixels of unknown range.
    """
    try:
        with open_patch(path) as image:
            return load_rgb(image)
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{path}: no such patch.') from error
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
