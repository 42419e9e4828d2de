"""What a reader of slide files offers."""

from pathlib import Path
from types import TracebackType
from typing import Optional, Protocol, TypeVar

import numpy as np

Self = TypeVar('Self')


class SlideReader(Protocol):
    """An open slide; :func:`.open_slide.open_slide` chooses the class.

    Coordinates are those of level 0, in pixels from the top left. A reader is pickled
    by its path, and opens the file anew in each process.

    Attributes:
        path: the slide file.
        name: its name without the ending.
        dimensions: width and height of level 0.
        levels: width and height of each level, the finest first.
        downsamples: pixels of level 0 per pixel of each level; not whole in general.
        mpp: microns per pixel of level 0.
        mpp_source: what said so: ``'override'``, ``'openslide'``, ``'vendor text'`` or
            ``'TIFF resolution'``.
        bounds: left, top, width and height of the scanned area, where the file has
            one that is smaller than level 0. Viewers such as QuPath show only this.
        quickhash: identifies the slide's contents, under any name.
        vendor: name of the format.
        reader: the library that reads, with its versions.
    """

    path: Path
    name: str
    dimensions: tuple[int, int]
    levels: tuple[tuple[int, int], ...]
    downsamples: tuple[float, ...]
    mpp: float
    mpp_source: str
    bounds: Optional[tuple[int, int, int, int]]
    vendor: str
    reader: str

    @property
    def quickhash(self) -> str:
        """Digest of the slide's contents."""
        ...

    def read(self, x: int, y: int, level: int, width: int, height: int) -> np.ndarray:
        """Read a region, (height, width, 3) uint8; what was not scanned is white.

        Args:
            x: left edge in pixels of level 0.
            y: top edge in pixels of level 0.
            level: level to read from.
            width: width in pixels of that level.
            height: height in pixels of that level.

        Raises:
            OSError: the region cannot be read; the reader stays usable.
        """
        ...

    def require_unchanged(self) -> None:
        """Refuse a file that was replaced or written to since it was opened.

        Raises:
            ValueError: it was, or it is no longer there.
        """
        ...

    def close(self) -> None:
        """Close the file."""
        ...

    def __enter__(self: Self) -> Self:
        """Return the reader, which the end of a ``with`` closes."""
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()
