"""Cut one slide."""

import glob
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import numpy as np

from cite.core.messages import count, shorten
from cite.slides import (
    Grid,
    SlideFile,
    SlideReader,
    TileError,
    Tissue,
    find_tissue,
    make_grid,
    tissue_from_geojson,
)

from .pictures import write_pictures
from .settings import TileSettings
from .write_tiles import write_tiles

PATCHES = 'patches_captions'  # the name of PatchGastric's folder


def tile_slide(
    slide: SlideFile,
    reader: SlideReader,
    out: Path,
    settings: TileSettings,
    roi: Optional[Path] = None,
    workers: int = 4,
) -> dict[str, Any]:
    """Write a slide's tiles and pictures.

    Args:
        slide: file and id.
        reader: the open slide.
        out: folder of the data set.
        settings: how to cut.
        roi: GeoJSON instead of the tissue that we find.
        workers: number of threads.

    Returns:
        The slide's row of ``slides.csv``, and ``names`` of its tiles.

    Raises:
        ValueError: no tissue, no tile fits, none can be read, or the file changed
            meanwhile.
        OSError: a file cannot be written.
    """
    tissue = find_tissue(reader) if roi is None else tissue_from_geojson(reader, roi)
    write_pictures(out, slide.id, reader, tissue)
    grid = _grid(reader, tissue, slide, settings)
    paths, missing = _cut(slide.id, reader, grid, out, settings, workers)
    if len(missing) == len(grid):
        raise ValueError(
            f'{slide.path}: none of its {count(len(grid), "tile")} can be read: '
            f'{missing[0].reason}. Copy the file again.'
        )
    unread = {(error.x, error.y) for error in missing}
    places = zip(grid.x.tolist(), grid.y.tolist(), paths)
    kept = (path for x, y, path in places if (x, y) not in unread)
    names = [path.relative_to(out / PATCHES).as_posix() for path in kept]
    note = _note(reader, tissue, settings, missing)
    return _row(slide, reader, tissue, names, missing, note)


def _cut(
    name: str,
    reader: SlideReader,
    grid: Grid,
    out: Path,
    settings: TileSettings,
    workers: int,
) -> tuple[list[Path], list[TileError]]:
    """Write the tiles; return their files, and those that cannot be read.

    Raises:
        ValueError: the slide changed meanwhile; no tile stays.
    """
    folder = _folder(out, name, settings)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        folder / f'{name}_{x}_{y}.{settings.format}'
        for x, y in zip(grid.x.tolist(), grid.y.tolist())
    ]
    try:
        missing = write_tiles(reader, grid, paths, workers)
        reader.require_unchanged()
    except ValueError:  # of these tiles nobody knows from which file they are
        for tile in slide_tiles(out, name, settings):
            tile.unlink()
        raise
    return paths, missing


def slide_tiles(out: Path, name: str, settings: TileSettings) -> Iterator[Path]:
    """Return the tiles of a slide that are there."""
    return _folder(out, name, settings).glob(f'{glob.escape(name)}_*.*')


def _folder(out: Path, name: str, settings: TileSettings) -> Path:
    """Return the folder of a slide's tiles."""
    return out / PATCHES / name if settings.slide == 'folder' else out / PATCHES


def _row(
    slide: SlideFile,
    reader: SlideReader,
    tissue: Tissue,
    names: list[str],
    missing: list[Any],
    note: str,
) -> dict[str, Any]:
    """Return a slide's row of ``slides.csv``, and the names of its tiles."""
    return {
        'id': slide.id,
        'file': str(slide.path),
        'quickhash': reader.quickhash,
        'mpp': round(reader.mpp, 6),
        'mpp_source': reader.mpp_source,
        'tiles': len(names),
        'missing': len(missing),
        'tissue_mm2': round(tissue.area_mm2, 4),
        'note': note,
        'names': names,
    }


def _grid(
    reader: SlideReader, tissue: Tissue, slide: SlideFile, settings: TileSettings
) -> Grid:
    """Lay the grid, or draw ``max_tiles`` of it."""
    if not tissue.mask.any():
        raise ValueError(
            f'{slide.path}: {tissue.note()}. Draw the tissue in QuPath and give it '
            'with --roi.'
        )
    grid = make_grid(
        reader,
        tissue,
        settings.patch_pixels,
        settings.patch_mpp,
        settings.stride,
        settings.min_tissue,
    )
    if not len(grid):
        width, height = reader.dimensions
        raise ValueError(
            f'{slide.path}: no tile of {grid.size} x {grid.size} pixels holds enough '
            f'of its {tissue.area_mm2:.3g} mm² of tissue within {width} x {height} '
            'pixels. Lower --patch-pixels or --min-tissue.'
        )
    if settings.max_tiles is not None and len(grid) > settings.max_tiles:
        # By the id as well, so that a slide's tiles do not depend on the others.
        rng = np.random.default_rng([settings.seed, zlib.crc32(slide.id.encode())])
        chosen = np.sort(rng.choice(len(grid), settings.max_tiles, replace=False))
        grid = replace(grid, x=grid.x[chosen], y=grid.y[chosen])
    return grid


def _note(
    reader: SlideReader, tissue: Tissue, settings: TileSettings, missing: list[Any]
) -> str:
    notes = [tissue.note()]
    if settings.patch_mpp < 0.8 * reader.mpp:
        times = reader.mpp / settings.patch_mpp
        notes.append(f'tiles are enlarged {times:.1f} times: the scan is coarser')
    if missing:
        where = shorten([f'{error.x},{error.y}' for error in missing])
        notes.append(f'{count(len(missing), "tile")} cannot be read, at {where}')
    return '; '.join(filter(None, notes))
