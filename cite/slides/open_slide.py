"""Open a slide with the reader that knows its format."""

from pathlib import Path
from typing import Optional, Union

from .image_reader import ImageReader
from .openslide_reader import OpenSlideReader, UnknownFormat
from .reader import SlideReader


def open_slide(path: Union[str, Path], mpp: Optional[float] = None) -> SlideReader:
    """Open a slide file with OpenSlide, or a plain image with Pillow.

    Label and macro images are not read, and no property but those of
    :class:`.reader.SlideReader` is kept: they may name the patient.

    Args:
        path: the file.
        mpp: microns per pixel of level 0, instead of what the file says.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be opened, or does not say how many microns a pixel is.
        ModuleNotFoundError: OpenSlide is not installed.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such slide file.')
    try:
        return OpenSlideReader(path, mpp)
    except UnknownFormat:
        return ImageReader(path, mpp)
