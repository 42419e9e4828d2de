"""Plain images as slides of one level: cores of microarrays, exported regions."""

from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

import numpy as np
import PIL
from PIL import Image

from cite.core.files.patch_file import FORMATS
from cite.core.messages import first_line

from .file_state import FileState, content_hash
from .openslide_reader import on_white
from .reader import SlideReader
from .scale import check_mpp, find_mpp

# Eight bits a channel. Deeper images need a mapping to eight bits that we cannot know.
MODES = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'CMYK', 'YCbCr')
_OPAQUE = ('1', 'L', 'RGB', 'CMYK', 'YCbCr')
_UNIT, _X, _Y, _TEXT = 296, 282, 283, 270  # tags of TIFF 6.0, section 8


class ImageReader(SlideReader):
    """A slide of one level, held in memory; see :class:`.reader.SlideReader`.

    Args:
        path: PNG, JPEG, untiled TIFF or another image in one of ``FORMATS``.
        mpp: microns per pixel, instead of what the file says.
        state: that the file had when another process opened it.

    Raises:
        ValueError: it is not an image, is too large for memory, or does not say its
            scale.
    """

    vendor = 'image'
    bounds: Optional[tuple[int, int, int, int]] = None

    def __init__(
        self,
        path: Path,
        mpp: Optional[float] = None,
        state: Optional[FileState] = None,
    ) -> None:
        self.path, self.name, self._override = path, path.stem, mpp
        self._state = state or FileState.of(path)
        self.reader = f'Pillow {PIL.__version__}'
        with self._opened() as image:
            if image.mode not in MODES:
                raise ValueError(
                    f'{path}: an image of mode {image.mode}. Save it with eight bits a '
                    'channel.'
                )
            self.dimensions = image.size
            tags = getattr(image, 'tag_v2', {})
        self.levels: tuple[tuple[int, int], ...] = (self.dimensions,)
        self.downsamples: tuple[float, ...] = (1.0,)
        if mpp is not None:
            self.mpp, self.mpp_source = check_mpp(mpp, str(path)), 'override'
        else:
            self.mpp, self.mpp_source = find_mpp(_properties(tags), str(path))

    @property
    def quickhash(self) -> str:
        """Digest of the file."""
        return self._quickhash

    @cached_property
    def _quickhash(self) -> str:
        return content_hash(self.path)

    @cached_property
    def _pixels(self) -> np.ndarray:
        with self._opened() as image:
            try:
                if image.mode in _OPAQUE and 'transparency' not in image.info:
                    return np.asarray(image.convert('RGB'))
                return on_white(np.asarray(image.convert('RGBA')))
            # Pillow's decoders raise many types for damaged files.
            except Exception as error:
                self.require_unchanged()
                raise OSError(first_line(error)) from error

    def read(self, x: int, y: int, level: int, width: int, height: int) -> np.ndarray:
        """Read a region, (height, width, 3) uint8; outside the image it is white."""
        region = np.full((height, width, 3), 255, np.uint8)
        left, top = max(x, 0), max(y, 0)
        part = self._pixels[top : max(y + height, 0), left : max(x + width, 0)]
        rows, columns = part.shape[:2]
        region[top - y : top - y + rows, left - x : left - x + columns] = part
        return region

    def close(self) -> None:
        """Forget the pixels."""
        self.__dict__.pop('_pixels', None)

    def require_unchanged(self) -> None:
        """Refuse a file that is not the one that was opened."""
        self._state.require_same(self.path)

    def _opened(self) -> Image.Image:
        self.require_unchanged()
        try:
            return _open(self.path)
        except ValueError:
            self.require_unchanged()  # since the look above: that is the reason then
            raise

    def __reduce__(self) -> tuple[Any, ...]:
        return ImageReader, (self.path, self._override, self._state)


def _open(path: Path) -> Image.Image:
    try:
        # Others may start a program, as EPS does, under any name.
        return Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise ValueError(
            f'{path}: {first_line(error)} Convert it to a tiled, pyramidal TIFF.'
        ) from error
    except Exception as error:
        raise ValueError(
            f'{path}: neither OpenSlide nor Pillow can open it: it is damaged, or not '
            f'a slide. Plain images are read as {", ".join(FORMATS)}.'
        ) from error


def _properties(tags: Any) -> dict[str, str]:
    """Name a TIFF's tags as OpenSlide names them."""
    names = {
        _TEXT: 'tiff.ImageDescription',
        _X: 'tiff.XResolution',
        _Y: 'tiff.YResolution',
        _UNIT: 'tiff.ResolutionUnit',
    }
    values = {name: tags[tag] for tag, name in names.items() if tag in tags}
    properties = {}
    for name, value in values.items():
        # Tags that are not numbers are ignored.
        with suppress(TypeError, ValueError, ArithmeticError):
            properties[name] = (
                value if isinstance(value, str) else f'{float(value):.10g}'
            )
    return properties
