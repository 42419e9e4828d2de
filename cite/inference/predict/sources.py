"""Where the tiles of a slide come from: a slide file, or a folder of patches."""

from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from cite.apis.tile.settings import TileSettings
from cite.slides import (
    find_tissue,
    make_grid,
    open_slide,
    read_tile,
    tissue_from_geojson,
)

from .patch_folder import PatchReader, PatchSlide

_SIZE_SLACK = 0.02  # as slides whose mpp differ by more are refused


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
        patches: the slide's patches.
        cut: pixels and scale of a patch that the model was trained on.

    Raises:
        ValueError: they were cut at another size than the model's.
    """

    def __init__(self, patches: PatchSlide, cut: Cut) -> None:
        self.patches, self.name = patches, patches.name
        self.ids = (patches.name, patches.id)  # what training may have called it
        self.path, self.file = patches.folder, patches.folder.name
        self.reader = PatchReader(patches, cut.mpp)
        self.files, self.coords = self.reader.files, self.reader.coords
        self.size = self.reader.size
        self.cut = cut
        if patches.tiled is not None:
            _refuse_other_size(patches.tiled.settings, cut, patches.folder)
            self.cut = cut._replace(stride=patches.tiled.settings.stride)

    def __len__(self) -> int:
        return len(self.files)

    def tile(self, index: int) -> Path:
        """Return the path of a patch, which is read as ``mim test`` reads it."""
        return self.path / self.files[index]

    @property
    def thumbnail(self) -> tuple[np.ndarray, float]:
        """The patches side by side, small."""
        return self.reader.thumbnail()

    def note(self) -> str:
        """Patches were chosen by someone else: there is nothing to say."""
        return ''

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says of the patches."""
        reader, tiled = self.reader, self.patches.tiled
        digest = reader.digest
        return {
            'slide': {
                'quickhash': digest if tiled is None else tiled.quickhash,
                'vendor': 'patches',
                'reader': reader.reader,
                'dimensions': [int(n) for n in reader.dimensions],
                'bounds': None,
                'mpp': float(reader.mpp),
                'mpp_source': reader.mpp_source,
            },
            'tissue': {'area_mm2': None if tiled is None else tiled.tissue_mm2},
            'grid': {
                'patch_pixels': reader.patch_pixels,
                'mpp': self.cut.mpp,
                'stride': self.cut.stride,
                'size': int(self.size),
                'tiles': len(self),
                'digest': digest,
            },
        }


def _refuse_other_size(settings: TileSettings, cut: Cut, folder: Path) -> None:
    """Refuse patches that show another area than those of training."""
    edge, trained = (
        settings.patch_pixels * settings.patch_mpp,
        cut.patch_pixels * cut.mpp,
    )
    if abs(edge / trained - 1) > _SIZE_SLACK:
        raise ValueError(
            f'{folder}: patches of {edge:g} µm, but the model was trained on patches '
            f'of {trained:g} µm. Cut the slides again: cite tile … --patch-pixels '
            f'{cut.patch_pixels} --patch-mpp {cut.mpp:g}.'
        )


Source = Union[SlideSource, PatchSource]
