"""Which GeoJSON file belongs to a slide: what ``--roi`` says."""

from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from .find_slides import SlideFile


class RoiFiles:
    """A GeoJSON of one slide, or a folder with one named after each slide.

    Args:
        option: the file or folder, or None.
        slides: the slides that it is for.

    Raises:
        FileNotFoundError: the file or folder is missing.
        ValueError: one file for several slides.
    """

    def __init__(
        self, option: Union[str, Path, None], slides: Sequence[SlideFile]
    ) -> None:
        self.path = None if option is None else Path(option).expanduser()
        if self.path is None or self.path.is_dir():
            return
        if not self.path.is_file():
            raise FileNotFoundError(f'--roi {self.path}: no such file or folder.')
        if len(slides) > 1:
            raise ValueError(
                f'--roi {self.path}: one file for {len(slides)} slides. Give a folder '
                'with a GeoJSON named after each slide.'
            )

    def __getitem__(self, slide: SlideFile) -> Optional[Path]:
        """Return a slide's file, None without ``--roi``.

        In a folder it is called like the slide's file, with or without its ending, or
        its id; if none is there, the first is returned, so that this slide alone fails
        when the file is read.
        """
        if self.path is None or self.path.is_file():
            return self.path
        names = (slide.path.stem, slide.path.name, slide.id)
        files = [
            self.path / f'{name}{suffix}'
            for suffix in ('.geojson', '.json')
            for name in names
        ]
        return next((file for file in files if file.is_file()), files[0])
