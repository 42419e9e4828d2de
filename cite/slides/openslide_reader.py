"""Slides of all formats that OpenSlide knows."""

import os
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Optional

import cv2
import numpy as np

from cite.core.messages import first_line

from .file_state import FileState, content_hash
from .reader import SlideReader
from .scale import check_mpp, find_mpp

CACHE = 64 << 20  # bytes of decoded tiles that all slides of a process share


class OpenSlideReader(SlideReader):
    """A slide read by OpenSlide; see :class:`.reader.SlideReader`.

    Args:
        path: the slide file.
        mpp: microns per pixel of level 0, instead of what the file says.
        state: that the file had when another process opened it.

    Raises:
        ValueError: OpenSlide cannot open it, or it does not say its scale.
        ModuleNotFoundError: OpenSlide is not installed.
    """

    _slide: Any  # None while it is closed

    def __init__(
        self,
        path: Path,
        mpp: Optional[float] = None,
        state: Optional[FileState] = None,
    ) -> None:
        self.path, self.name, self._override = path, path.stem, mpp
        self._state = state or FileState.of(path)
        self._slide = None
        self._pid = os.getpid()
        library = import_openslide()
        self.reader = (
            f'openslide-python {library.__version__}, '
            f'OpenSlide {library.__library_version__}'
        )
        self._open()
        properties = self._slide.properties
        self.dimensions = self._slide.dimensions
        self.levels = self._slide.level_dimensions
        self.downsamples = self._slide.level_downsamples
        self.vendor = properties.get('openslide.vendor', 'unknown')
        self.bounds = _bounds(properties)
        self._quickhash = properties.get('openslide.quickhash-1')
        try:
            if mpp is not None:
                self.mpp, self.mpp_source = check_mpp(mpp, str(path)), 'override'
            else:
                self.mpp, self.mpp_source = find_mpp(properties, str(path))
        except ValueError:
            self.close()
            raise

    @property
    def quickhash(self) -> str:
        """OpenSlide's digest of the slide, or that of the file where it has none."""
        if self._quickhash is None:
            self._quickhash = content_hash(self.path)
        return self._quickhash

    def read(self, x: int, y: int, level: int, width: int, height: int) -> np.ndarray:
        """Read a region, (height, width, 3) uint8; what was not scanned is white."""
        library = import_openslide()
        if (
            self._slide is None or self._pid != os.getpid()
        ):  # a fork shares the file's position
            self._open()
        try:
            image = self._slide.read_region((x, y), level, (width, height))
        except library.OpenSlideError as error:
            # OpenSlide refuses every further call on a slide that failed once.
            self.close()
            self._open()
            raise OSError(first_line(error)) from error
        return on_white(np.asarray(image))

    def close(self) -> None:
        """Close the file; again does nothing."""
        if self._slide is not None and self._pid == os.getpid():
            self._slide.close()
        self._slide = None

    def _open(self) -> None:
        library = import_openslide()
        self.require_unchanged()
        try:
            self._slide = library.OpenSlide(str(self.path))
        except library.OpenSlideError as error:
            self.require_unchanged()  # since the look above: that is the reason then
            if isinstance(error, library.OpenSlideUnsupportedFormatError):
                raise UnknownFormat(
                    f'{self.path}: OpenSlide knows no such format'
                ) from error
            raise ValueError(
                f'{self.path}: OpenSlide cannot open the slide: {first_line(error)}. '
                'Copy the file again if it is damaged, or convert it.'
            ) from error
        self._slide.set_cache(_cache(os.getpid()))
        self._pid = os.getpid()

    def require_unchanged(self) -> None:
        """Refuse a file that is not the one that was opened."""
        self._state.require_same(self.path)

    def __reduce__(self) -> tuple[Any, ...]:
        return OpenSlideReader, (self.path, self._override, self._state)


class UnknownFormat(ValueError):
    """A file that OpenSlide does not take for a slide."""


@cache
def import_openslide() -> ModuleType:
    """Import OpenSlide, or say how to install it."""
    try:
        import openslide
    except ImportError as error:
        raise ModuleNotFoundError(
            f'OpenSlide is needed to read slides ({first_line(error)}): '
            'pip install openslide-python openslide-bin'
        ) from error
    return openslide


def on_white(pixels: np.ndarray) -> np.ndarray:
    """Put an image (H, W, 4) uint8 on white, (H, W, 3) uint8."""
    # All bits of alpha, the last byte, at once: four times as fast as its minimum.
    words = np.ascontiguousarray(pixels).view('<u4')
    if np.bitwise_and.reduce(words, axis=None) >> 24 == 255:
        return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)
    share = pixels[..., 3:].astype(np.float32) / 255
    return np.rint(pixels[..., :3] * share + 255 * (1 - share)).astype(np.uint8)


@cache
def _cache(pid: int) -> Any:
    return import_openslide().OpenSlideCache(CACHE)


def _bounds(properties: Any) -> Optional[tuple[int, int, int, int]]:
    """Return the scanned area, if the file has all four of its numbers."""
    keys = [f'openslide.bounds-{key}' for key in ('x', 'y', 'width', 'height')]
    try:
        x, y, width, height = (int(properties[key]) for key in keys)
    except (KeyError, ValueError):
        return None
    return x, y, width, height
