"""What decides the tiles of a data set."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

from cite.core.files.json_file import read_json
from cite.core.files.write_whole import write_text_whole
from cite.core.messages import check_choice, first_line

FORMATS = ('jpg', 'png')
LAYOUTS = ('prefix', 'folder')  # rules for slides that the tiles' names can follow
_FILE = 'tile.json'


@dataclass(frozen=True)
class TileSettings:
    """How tiles are cut; equal for all slides of a folder.

    Args:
        patch_pixels: edge of a tile in pixels.
        patch_mpp: microns per pixel of a tile.
        stride: distance of tiles, in tiles.
        min_tissue: share of a tile that must be tissue.
        max_tiles: random tiles of a slide with more; None takes all.
        seed: seed of that choice.
        format: ``'jpg'``, or ``'png'`` without loss.
        slide: ``'prefix'`` names tiles ``{id}_{x}_{y}`` in one folder, and writes ``-``
            for ``_`` in an id; ``'folder'`` writes a folder for each slide, and keeps
            the ids.

    Raises:
        ValueError: a value out of its range.
    """

    patch_pixels: int = 300
    patch_mpp: float = 0.5
    stride: float = 1.0
    min_tissue: float = 0.5
    max_tiles: Optional[int] = None
    seed: int = 0
    format: str = 'jpg'
    slide: str = 'prefix'

    def __post_init__(self) -> None:
        check_choice('format', self.format, FORMATS)
        check_choice('slide', self.slide, LAYOUTS)
        if self.max_tiles is not None and self.max_tiles < 1:
            raise ValueError(f'max_tiles={self.max_tiles}: give 1 or more.')
        if self.seed < 0:
            raise ValueError(f'seed={self.seed}: give 0 or more.')

    @classmethod
    def read(cls, folder: Path) -> Optional['TileSettings']:
        """Return the settings of a folder's tiles, or None if it has none.

        Raises:
            ValueError: the file is damaged.
        """
        path = folder / _FILE
        if not path.is_file():
            return None
        try:
            settings = cls(**read_json(path))
            _check_numbers(settings)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f'{path}: not the settings of `cite tile`: {first_line(error)}'
            ) from error
        return settings

    def keep_in(self, folder: Path) -> None:
        """Write the settings to a folder, or refuse one that has others.

        Raises:
            ValueError: the folder's tiles were cut in another way.
        """
        settings, old = asdict(self), self.read(folder)
        if old is None:
            text = json.dumps(settings, indent=1) + '\n'
            write_text_whole(folder / _FILE, text)
            return
        differing = [
            f'{key} {getattr(old, key)}, not {value}'
            for key, value in settings.items()
            if getattr(old, key) != value
        ]
        if differing:
            raise ValueError(
                f'{folder} holds tiles with {"; ".join(differing)}. Give the same '
                'options, or name another --out.'
            )


def _check_numbers(settings: TileSettings) -> None:
    for name in ('patch_pixels', 'patch_mpp', 'stride', 'min_tissue'):
        value = getattr(settings, name)
        if type(value) not in (int, float) or not 0 < value < 1e6:
            raise ValueError(f'{name} is {value!r}.')
