"""Any image as 8-bit RGB, or the reason why it has none without guessing.

Pillow's ``convert('RGB')`` clips 16 and 32 bits and floats at 255, so that patches come
out white or black, and it drops transparency, so that what cannot be seen comes out.
"""

from typing import Any

import numpy as np
from PIL import Image

_BITS, _PHOTOMETRIC, _PLANAR, _FORMAT = 258, 262, 284, 339  # TIFF 6.0, section 8
_SUBFILE, _REDUCED = 254, 1  # a page that shows another one smaller, the same section
# Samples of a pixel, and what those beyond the colours are (1 and 2: transparency).
_SAMPLES, _EXTRA, _ALPHA = 277, 338, {1, 2}
_GREYS, _CMYK = (0, 1, 3), 5  # photometric interpretations of one sample, and of four
_ANIMATED = ('GIF', 'WEBP', 'PNG')
_WHITE_IS_ZERO, _SEPARATE = 0, 2
_UNSIGNED = {1, 4}  # 4: undefined
# 16 bits that end below a quarter of their range are those of a camera with 10, 12 or
# 14 bits: of 8 bits, a slide's background would be below 64.
_DIM = 1 << 14
# JPEG 2000's begin of a codestream and its marker of sizes, ISO/IEC 15444-1, A.5.1;
# boxes with metadata may precede them.
_SIZES, _AT_COMPONENTS, _HEAD = b'\xff\x4f\xff\x51', 40, 1 << 20
_REMEDY = (
    'Save the patches with 8 bits per channel, scaled by the range that your camera or '
    'program has (0 is black, 255 is white).'
)


class PixelError(ValueError):
    """Pixels that cannot be scaled to 8 bits without guessing."""


def load_rgb(image: Image.Image) -> Image.Image:
    """Decode an image and return it in mode RGB.

    16 bits are divided by 257, which takes 65,535 to 255. Transparent pixels are put on
    white, as the empty parts of slides are. Pixels stay where the file has them, as in
    the release: an orientation that a camera notes (EXIF) turns nothing; only a TIFF's
    own tag does, because Pillow follows it.

    Args:
        image: image as ``Image.open`` returns it, or one in memory.

    Raises:
        PixelError: the range of the values is not known: 32 bits, signed numbers,
            floats, or 16 bits of which few are used; or the colours are CIELAB; or
            there are several frames or pages.
        Exception: the image is damaged; Pillow raises any.
    """
    _check_alone(image)
    deep = _is_deep(image)  # before the decoder forgets it
    image.load()
    if image.mode.startswith('I;16') or (image.mode == 'I' and image.format == 'PPM'):
        image = _from_16_bits(np.asarray(image))
    elif image.mode in ('I', 'F', 'LAB'):
        names = {'I': '32-bit integers', 'F': 'floats', 'LAB': 'CIELAB colours'}
        raise PixelError(
            f'its pixels are {names[image.mode]}, whose range is not known. {_REMEDY}'
        )
    elif deep:  # Pillow keeps the upper 8 bits
        _check_dim(int(np.asarray(image).max()) * 257)
    return _without_alpha(image)


def _check_alone(image: Image.Image) -> None:
    """Refuse animations and stacks, of which the decoder would take the first image.

    Smaller copies of the first page, a pyramid's levels, are not counted.
    """
    if image.format == 'TIFF':
        several = _has_second_page(image)
    else:
        several = image.format in _ANIMATED and getattr(image, 'is_animated', False)
    if several:
        raise PixelError(
            'it holds several images, frames or pages, and a patch is one. Save each '
            'as a file of its own.'
        )


def _has_second_page(image: Any) -> bool:
    try:
        image.seek(1)
    except EOFError:
        return False
    second_is_smaller = bool(image.tag_v2.get(_SUBFILE, 0) & _REDUCED)
    image.seek(0)
    return not second_is_smaller


def _is_deep(image: Image.Image) -> bool:
    """Tell whether a channel has 16 bits, and refuse TIFFs that Pillow misreads."""
    tags: Any = getattr(image, 'tag_v2', None)
    if image.format == 'JPEG2000':
        _check_jpeg2000(image)
        return False
    if tags is None:
        return any(';16' in str(tile[3]) for tile in getattr(image, 'tile', ()))
    bits = max(_numbers(tags.get(_BITS, 1)))
    if not {*_numbers(tags.get(_FORMAT, 1))} <= _UNSIGNED:
        kind = f'{bits}-bit floats or signed numbers'
    elif bits not in (1, 2, 4, 8, 16):
        kind = f'numbers of {bits} bits'
    elif bits == 16 and tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        kind = 'numbers of 16 bits, 0 being white'
    elif bits == 16 and tags.get(_PLANAR) == _SEPARATE:
        kind = 'numbers of 16 bits in separate planes'
    elif _has_other_channels(tags):
        kind = f'{tags.get(_SAMPLES)} channels'
    else:
        return bits == 16
    raise PixelError(f'its pixels are {kind}, which are not read. {_REMEDY}')


def _has_other_channels(tags: Any) -> bool:
    """Tell whether a TIFF has channels beyond its colours, which Pillow drops.

    A fourth one without a meaning beside RGB is filling.
    """
    kind, extra = tags.get(_PHOTOMETRIC), _numbers(tags.get(_EXTRA, ()))
    colours = 1 if kind in _GREYS else 4 if kind == _CMYK else 3
    beyond = tags.get(_SAMPLES, 1) - colours
    is_filling = colours == 3 or {*extra} <= _ALPHA
    return beyond > 1 or (beyond == 1 and not is_filling)


def _check_jpeg2000(image: Any) -> None:
    """Refuse signed numbers, and colours of more than 8 bits.

    Pillow rounds those up without a limit: white, 65535, becomes 256 and so black.
    """
    image.fp.seek(0)
    head = image.fp.read(_HEAD)
    image.fp.seek(0)
    start = head.find(_SIZES)
    at = start + _AT_COMPONENTS
    number = int.from_bytes(head[at : at + 2], 'big')
    sizes = head[at + 2 : at + 2 + 3 * number : 3]
    highest = max(sizes, default=0)  # bits less one; the sign above them
    if start >= 0 and (highest > 127 or (highest > 7 and number > 1)):
        kind = 'signed numbers' if highest > 127 else f'colours of {highest + 1} bits'
        raise PixelError(f'its pixels are {kind}, which are not read. {_REMEDY}')


def _numbers(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)


def _from_16_bits(pixels: np.ndarray) -> Image.Image:
    """Scale (H, W) of 0 to 65,535 to 8 bits."""
    _check_dim(int(pixels.max()))
    return Image.fromarray(((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _check_dim(highest: int) -> None:
    if 0 < highest < _DIM:
        raise PixelError(
            f'its pixels have 16 bits, but none is above {highest} of 65535: their '
            f'range is probably that of a camera with fewer bits. {_REMEDY}'
        )


def _without_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ('La', 'RGBa', 'LA', 'PA', 'RGBA') or 'transparency' in image.info:
        if image.mode == 'La':
            image = image.convert('LA')
        image = image.convert('RGBA')
        if image.getchannel('A').getextrema() != (255, 255):
            white = Image.new('RGBA', image.size, (255, 255, 255, 255))
            image = Image.alpha_composite(white, image)
    return image if image.mode == 'RGB' else image.convert('RGB')
