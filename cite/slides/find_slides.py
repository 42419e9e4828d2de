"""Slide files in folders, and the ids they get."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Optional, Union

from cite.core.files.patch_file import SUFFIXES
from cite.core.messages import first_line

from .image_reader import ImageReader
from .openslide_reader import OpenSlideReader, UnknownFormat, import_openslide
from .reader import SlideReader

SLIDE_SUFFIXES = (
    *('.svs', '.tif', '.tiff', '.ndpi', '.scn', '.mrxs', '.vms', '.vmu'),
    *('.svslide', '.bif', '.czi', '.dcm'),
)
IMAGE_SUFFIXES = tuple(end for end in SUFFIXES if end not in SLIDE_SUFFIXES)


class SlideFile(NamedTuple):
    """A slide file and the id that its tiles are named by."""

    path: Path
    id: str


def slide_id(path: Union[str, Path], keep_name: bool = False) -> str:
    """Return a file's id: its name without the ending, ``_`` and spaces.

    A tile's file is called ``{id}_{x}_{y}``, so that an id cannot contain ``_``, unless
    each slide's tiles have a folder of their own.

    >>> slide_id('slides/case_7 (HE).svs')
    'case-7-HE'
    >>> slide_id('slides/tumor_001.tif', keep_name=True)
    'tumor_001'
    """
    others = r'[^\w.-]+' if keep_name else r'(?:[^\w.-]|_)+'
    name = re.sub(others, '-', Path(path).stem).strip('.-')
    if not name:
        raise ValueError(f'{path}: give the file a name with a letter or a digit.')
    return name


def find_slides(
    paths: Union[str, Path, Iterable[Union[str, Path]]], keep_names: bool = False
) -> list[SlideFile]:
    """List slide files, sorted within each folder.

    Folders are searched to the bottom by the files' endings, through links. A file that
    is named twice is listed once. Plain images (PNG,
    JPEG, WebP, …) count only where there is no slide beside them, because they are
    pictures of the slides otherwise. The files of one DICOM slide are listed once.

    Args:
        paths: slide files and folders.
        keep_names: ids keep their ``_``.

    Raises:
        FileNotFoundError: a path is missing, or a folder without slides.
        ValueError: two files would get the same id.
    """
    paths = [paths] if isinstance(paths, (str, Path)) else paths
    files: dict[str, Path] = {}  # by the place on the disk: each once
    for path in map(Path, paths):
        path = path.expanduser()
        if path.is_dir():
            inside = list(_search(path))
            if not inside:
                raise FileNotFoundError(
                    f'{path}: no slides in this folder. Their names end in '
                    f'{", ".join(SLIDE_SUFFIXES)}, and those of plain images in '
                    f'{", ".join(IMAGE_SUFFIXES)}.'
                )
        elif path.is_file():
            inside = [path]
        else:
            raise FileNotFoundError(f'{path}: no such slide file or folder.')
        for file in inside:
            files.setdefault(f'{file.name}/{os.path.realpath(file)}', file)
    slides = [
        SlideFile(path, slide_id(path, keep_names))
        for path in _one_per_dicom(files.values())
    ]
    _refuse_equal_ids(slides)
    return slides


def _search(folder: Path) -> Iterator[Path]:
    """Yield the slide files below a folder."""
    by_folder: dict[Path, list[Path]] = {}
    for path in sorted(files_below(folder)):
        suffix = path.suffix.lower()
        if suffix in SLIDE_SUFFIXES + IMAGE_SUFFIXES and path.is_file():
            by_folder.setdefault(path.parent, []).append(path)
    for paths in by_folder.values():
        slides = [path for path in paths if path.suffix.lower() in SLIDE_SUFFIXES]
        yield from slides or paths


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and below it that are not hidden.

    Folders may be links; one that leads back to a folder above it is not entered.
    """
    for place, folders, files in os.walk(folder, followlinks=True):
        here = os.path.join(os.path.realpath(place), '')
        folders[:] = [
            name
            for name in folders
            if not name.startswith('.')
            and not here.startswith(os.path.realpath(os.path.join(place, name)) + '/')
        ]
        yield from (Path(place, name) for name in files if not name.startswith('.'))


def _one_per_dicom(files: Iterable[Path]) -> Iterator[Path]:
    """Drop the other levels of a DICOM slide, each of which is a file of its own."""
    seen: set[tuple[Path, str]] = set()
    for path in files:
        if path.suffix.lower() == '.dcm':
            key = path.parent, _dicom_hash(path)
            if key in seen:
                continue
            seen.add(key)
        yield path


def _dicom_hash(path: Path) -> str:
    library = import_openslide()
    try:
        with library.OpenSlide(str(path)) as slide:
            return slide.properties.get('openslide.quickhash-1', str(path))
    except library.OpenSlideError as error:
        return f'{path}: {first_line(error)}'


def _refuse_equal_ids(slides: Iterable[SlideFile]) -> None:
    paths: dict[str, Path] = {}
    for slide in slides:
        other = paths.setdefault(slide.id, slide.path)
        if other != slide.path:
            raise ValueError(
                f'{other} and {slide.path} would both get the id {slide.id}. Rename '
                'one of them.'
            )


def open_slide(path: Union[str, Path], mpp: Optional[float] = None) -> SlideReader:
    """Open a slide file with OpenSlide, or a plain image with Pillow.

    Label and macro images are not read, and no property but those of
    :class:`.reader.SlideReader` is kept: they may name the patient.

    Args:
        path: the file.
        mpp: microns per pixel of level 0, instead of what the file says.

    Raises:
        FileNotFoundError: the file is missing.
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
