"""Where the tiles of a slide come from: a slide file, or a folder of patches."""

from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from cite.slides import (
    find_tissue,
    make_grid,
    open_slide,
    read_tile,
    tissue_from_geojson,
)

from .patch_folder import PatchReader


class Cut(NamedTuple):
    """How a slide is cut into tiles."""

    patch_pixels: int
    mpp: float
    stride: float = 1.0
    min_tissue: float = 0.5
    offset: tuple[float, float] = (0, 0)  # in tiles


class SlideSource:
    """The tiles of a slide file.

    Args:
        path: the file.
        name: the slide's id.
        cut: how it is cut.
        mpp: µm a pixel that replaces what the file says.
        roi: GeoJSON of the area that replaces the tissue that is found.

    Raises:
        ValueError: it cannot be opened, has no scale, or no tissue.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        cut: Cut,
        mpp: Optional[float] = None,
        roi: Optional[Path] = None,
    ) -> None:
        self.path, self.name, self.cut = path, name, cut
        self.ids = (name, path.stem)  # what training may have called it
        self.file = path.name
        self.reader = open_slide(path, mpp)  # opens itself anew in each process
        if roi is None:
            self.tissue = find_tissue(self.reader)
        else:
            self.tissue = tissue_from_geojson(self.reader, roi)
        self.grid = self._grid(cut)

    def _grid(self, cut: Cut) -> Any:
        return make_grid(
            self.reader,
            self.tissue,
            patch_pixels=cut.patch_pixels,
            mpp=cut.mpp,
            stride=cut.stride,
            min_tissue=cut.min_tissue,
            offset=cut.offset,
        )

    def recut(self, cut: Cut) -> 'SlideSource':
        """Return the same slide and tissue, cut in another way."""
        other = object.__new__(SlideSource)
        other.__dict__.update(self.__dict__, cut=cut)
        other.grid = other._grid(cut)
        return other

    def __len__(self) -> int:
        return len(self.grid.x)

    @property
    def coords(self) -> np.ndarray:
        """Left and top of the tiles in pixels of level 0, (N, 2)."""
        return np.stack([self.grid.x, self.grid.y], 1)

    @property
    def size(self) -> int:
        """Edge of a tile in pixels of level 0."""
        return self.grid.size

    def tile(self, index: int) -> np.ndarray:
        """Return a tile's pixels, (P, P, 3) uint8."""
        return read_tile(self.reader, self.grid, index)

    @property
    def thumbnail(self) -> tuple[np.ndarray, float]:
        """The whole slide small, (H, W, 3) uint8, and its downsample."""
        return self.tissue.thumbnail, self.tissue.downsample

    def note(self) -> str:
        """Say with figures what is odd about the tissue, or ''."""
        if self.tissue.mask.any() and not len(self):
            return (
                f'{self.tissue.area_mm2:.3f} mm² of tissue, but no tile of {self.size} '
                f'pixels of which {self.cut.min_tissue:.0%} is tissue'
            )
        return self.tissue.note()

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of the slide and its tiles."""
        reader, grid = self.reader, self.grid
        return {
            'slide': {
                'quickhash': reader.quickhash,
                'vendor': reader.vendor,
                'reader': reader.reader,
                'dimensions': [int(n) for n in reader.dimensions],
                'bounds': reader.bounds and [int(n) for n in reader.bounds],
                'mpp': float(reader.mpp),
                'mpp_source': reader.mpp_source,
            },
            'tissue': {'area_mm2': float(self.tissue.area_mm2), **self.tissue.figures},
            'grid': {
                **self.cut._asdict(),
                'size': int(grid.size),
                'level': int(grid.level),
                'tiles': len(self),
                'digest': grid.digest(),
            },
        }


class PatchSource:
    """The patches of a slide in a folder of PatchGastric's layout.

    Args:
        folder: ``patches_captions``, or a folder like it.
        name: the slide's name in file names.
        files: paths of its patches, ``{slide}_{x}_{y}.png``.
        cut: pixels and scale of a patch.
        slide_id: the slide's id, by the rule that found its patches.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        files: list[str],
        cut: Cut,
        slide_id: Optional[str] = None,
    ) -> None:
        self.folder, self.name, self.cut = folder, name, cut
        self.ids = (name, slide_id or name)  # what training may have called it
        self.path, self.file = folder, folder.name
        self.reader = PatchReader(folder, name, files, cut.mpp)
        self.files, self.coords, self.size = (
            self.reader.files,
            self.reader.coords,
            self.reader.size,
        )

    def __len__(self) -> int:
        return len(self.files)

    def tile(self, index: int) -> Path:
        """Return the path of a patch, which is read as ``mim test`` reads it."""
        return self.folder / self.files[index]

    @property
    def thumbnail(self) -> tuple[np.ndarray, float]:
        """The patches side by side, small."""
        return self.reader.thumbnail()

    def note(self) -> str:
        """Patches were chosen by someone else: there is nothing to say."""
        return ''

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of the patches."""
        reader = self.reader
        return {
            'slide': {
                'quickhash': reader.quickhash,
                'vendor': 'patches',
                'reader': reader.reader,
                'dimensions': [int(n) for n in reader.dimensions],
                'bounds': None,
                'mpp': float(reader.mpp),
                'mpp_source': reader.mpp_source,
            },
            'tissue': {'area_mm2': None},
            'grid': {
                'patch_pixels': reader.patch_pixels,
                'mpp': self.cut.mpp,
                'size': int(self.size),
                'tiles': len(self),
                'digest': reader.quickhash,
            },
        }


Source = Union[SlideSource, PatchSource]
