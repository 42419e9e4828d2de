"""Patches of a slide as if they were the slide."""

import hashlib
import re
import warnings
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Optional

import cv2
import numpy as np
from PIL import Image

from cite.core.files.patch_file import (
    MOST_PIXELS,
    SUFFIXES,
    UnreadablePatchError,
    open_patch,
    read_patch_file,
)
from cite.core.messages import shorten
from cite.datasets.tables.patches import list_patches
from cite.datasets.tables.slide_rule import PREFIX, SlideRule
from cite.slides.find_slides import SLIDE_SUFFIXES, files_below

from .tiled_folder import TiledSlide, read_tiled_folder

_NAME = re.compile(r'(?:.*[_/])?(\d+)_(\d+)\.[A-Za-z0-9]+')
_SUBFOLDER = 'patches_captions'
_THUMBNAIL = 1000  # pixels of the longer edge


class PatchSlide(NamedTuple):
    """The patches of one slide."""

    folder: Path
    id: str
    files: list[str]
    tiled: Optional[TiledSlide] = None  # how they were cut, if `cite tile` did it

    @property
    def name(self) -> str:
        """The id as it can be part of a file's name."""
        return re.sub(r'[/\\\s]+', '-', self.id).lstrip('.') or 'slide'


def patch_slides(path: Path, rule: SlideRule = PREFIX) -> Optional[list[PatchSlide]]:
    """Return the slides of a folder of patches, or None if the path is none.

    A folder with slide files is none: images beside them are pictures of them.

    Args:
        path: folder of patches, or one with ``patches_captions``.
        rule: which slide a patch belongs to.

    Raises:
        ValueError: a patch's name is not ``{slide}_{x}_{y}``.
    """
    if not path.is_dir():
        return None
    folder = path / _SUBFOLDER if (path / _SUBFOLDER).is_dir() else path
    files = [*(files_below(folder) if rule.in_folders else folder.iterdir())]
    files = [file for file in files if not file.name.startswith('.')]
    images = [file for file in files if file.suffix.lower() in SUFFIXES]
    # Without places they may be slides, unless a rule for patches was given.
    is_meant = folder != path or rule.text != PREFIX.text
    if not images or not (is_meant or any(_NAME.fullmatch(p.name) for p in images)):
        return None
    if folder == path and _hold_slides(files):
        return None
    slides = list_patches(folder, rule).slides
    names = [name for files in slides.values() for name in files]
    odd = [name for name in names if not _NAME.fullmatch(name)]
    if rule.text == 'prefix':  # {x}_{y}.png would take x for a slide
        odd += [name for name in names if name.count('_') < 2 and name not in odd]
    if odd:
        raise ValueError(
            f'{folder}: {shorten(odd)}: name patches {{slide}}_{{x}}_{{y}}.png, by '
            'their left top corner in pixels of level 0.'
        )
    tiled = read_tiled_folder(folder.parent if folder.name == _SUBFOLDER else folder)
    return [
        PatchSlide(folder, slide, files, tiled.get(slide))
        for slide, files in slides.items()
    ]


def _hold_slides(files: list[Path]) -> bool:
    """Tell whether there is a slide among files, by their names and the first TIFF.

    A TIFF may be a patch or a slide: slides have several levels or very many pixels.
    """
    slides = [path for path in files if path.suffix.lower() in SLIDE_SUFFIXES]
    tiffs = [path for path in slides if path.suffix.lower() in SUFFIXES]
    if len(slides) > len(tiffs):
        return True
    if not tiffs:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Image.DecompressionBombWarning)
            with Image.open(min(tiffs), formats=['TIFF']) as image:
                width, height = image.size
                pages = getattr(image, 'n_frames', 1)
                return pages > 1 or width * height > MOST_PIXELS
    except Image.DecompressionBombError:
        return True
    except Exception:  # a damaged patch: Pillow raises many types
        return False


class PatchReader:
    """A slide's reader over its patches; white where there is none.

    Level 0 is what the patches' coordinates count. A patch's edge in it follows from
    the slide's scale, if ``cite tile`` cut the patches; else it is the smallest
    distance of two corners, or the patch's own pixels.

    Args:
        patches: the slide's patches.
        mpp: µm a pixel of a patch, if its folder does not say it.
    """

    reader = 'patches'
    bounds = None
    only_patches = True  # there is nothing between them

    def __init__(self, patches: PatchSlide, mpp: float) -> None:
        self.folder, self.name, self.path = patches.folder, patches.name, patches.folder
        corners = [_NAME.fullmatch(file).groups() for file in patches.files]  # type: ignore[union-attr]
        coords = np.array(corners, np.int64)  # (N, 2)
        order = np.lexsort(coords.T)  # by y, then x
        self.coords, self.files = coords[order], [patches.files[i] for i in order]
        _refuse_two_at_one_place(self.coords, self.files, patches.folder)
        self.patch_pixels = _edge(self.folder, self.files)
        tiled = patches.tiled
        if tiled is None:
            self.size = _step(self.coords) or self.patch_pixels
            self.mpp, self.mpp_source = mpp * self.patch_pixels / self.size, 'model'
        else:
            self.size, self.mpp = tiled.size, tiled.mpp
            self.mpp_source = tiled.mpp_source
        width, height = (self.coords.max(0) + self.size).tolist()
        self.dimensions = (width, height)
        self.downsamples = (self.size / self.patch_pixels,)
        self.levels = (self.dimensions,)
        self.digest = self._digest()

    def require_unchanged(self) -> None:
        """Refuse patches that were written to or removed meanwhile."""
        try:
            same = self._digest() == self.digest
        except OSError as error:
            raise ValueError(f'{error.filename}: no longer there.') from error
        if not same:
            raise ValueError(
                f'{self.folder}: patches changed while they were being read. Start '
                'again when nothing writes to them.'
            )

    def _digest(self) -> str:
        """Return a digest of the patches' names, sizes and times."""
        sha = hashlib.sha256()
        for file in self.files:
            stat = (self.folder / file).stat()
            sha.update(f'{file} {stat.st_size} {stat.st_mtime_ns}\n'.encode())
        return sha.hexdigest()

    def read(self, x: int, y: int, level: int, width: int, height: int) -> np.ndarray:
        """Return an area, (height, width, 3) uint8, from the patches that it meets."""
        scale = self.downsamples[level]
        area = np.full((height, width, 3), 255, np.uint8)
        start = np.array([x, y])
        end = start + np.array([width, height]) * scale
        meets = ((self.coords < end) & (self.coords + self.size > start)).all(1)
        for i in np.flatnonzero(meets):
            left, top = np.rint((self.coords[i] - start) / scale).astype(int)
            _paste(area, self._patch(self.files[i]), left, top)
        return area

    def thumbnail(self) -> tuple[np.ndarray, float]:
        """Return the patches in their places, and the downsample."""
        downsample = max(1.0, max(self.dimensions) / _THUMBNAIL)
        width, height = (max(1, round(n / downsample)) for n in self.dimensions)
        area = np.full((height, width, 3), 255, np.uint8)
        for file, corner in zip(self.files, self.coords):
            left, top = np.rint(corner / downsample).astype(int)
            right, bottom = np.rint((corner + self.size) / downsample).astype(int)
            shape = (max(1, right - left), max(1, bottom - top))
            patch = self._patch(file)
            small = cv2.resize(patch, shape, interpolation=cv2.INTER_AREA)
            _paste(area, small, left, top)
        return area, downsample

    def _patch(self, file: str) -> np.ndarray:
        return _read(self.folder / file, self.patch_pixels)


def _paste(area: np.ndarray, patch: np.ndarray, left: int, top: int) -> None:
    height, width = area.shape[:2]
    rows = slice(max(top, 0), min(top + len(patch), height))
    columns = slice(max(left, 0), min(left + patch.shape[1], width))
    if rows.stop > rows.start and columns.stop > columns.start:
        inner = patch[rows.start - top : rows.stop - top]
        area[rows, columns] = inner[:, columns.start - left : columns.stop - left]


@lru_cache(maxsize=64)
def _read(path: Path, edge: int) -> np.ndarray:
    try:
        patch = np.asarray(read_patch_file(path).convert('RGB'))
    except UnreadablePatchError:  # counted where the tiles are read
        return np.full((edge, edge, 3), 208, np.uint8)
    return patch


def _refuse_two_at_one_place(
    coords: np.ndarray, files: list[str], folder: Path
) -> None:
    same = np.flatnonzero((coords[1:] == coords[:-1]).all(1))  # they are sorted
    if len(same):
        i = int(same[0])
        raise ValueError(
            f'{folder}: {files[i]} and {files[i + 1]} are patches of one place of one '
            "slide. If they are of two slides, give --slide '(.+)_[0-9]+_[0-9]+[.]'; "
            'otherwise delete one.'
        )


def _edge(folder: Path, files: list[str]) -> int:
    """Return the edge of the first patch that opens."""
    for file in files:
        try:
            with open_patch(folder / file) as image:
                return image.width
        except (OSError, ValueError):
            continue
    raise ValueError(f'{folder}: none of {shorten(files)} is an image.')


def _step(coords: np.ndarray) -> int:
    """Return the smallest distance between corners along an axis, 0 without any."""
    steps = [np.diff(np.unique(axis)) for axis in coords.T]
    return int(min((step.min() for step in steps if len(step)), default=0))
