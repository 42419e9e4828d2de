"""The table of slides whose features are taken over."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from cite.core.files.csv_table import find_column, read_csv_table
from cite.core.messages import shorten
from cite.slides import slide_id
from cite.slides.find_slides import IMAGE_SUFFIXES, SLIDE_SUFFIXES, files_below

from .slide_features import SUFFIXES

LONGEST = 200  # bytes of an id; a file's name may have 255
IDS = ('id', 'slide_id', 'slide')
LABELS = ('label', 'subtype')


class SlideRow(NamedTuple):
    """A row of the table."""

    id: str
    stems: tuple[str, ...]  # names that its file of features may have
    class_name: str
    mpp: Optional[float]
    file: Optional[str] = None  # of the slide


def read_slide_rows(path: Path) -> list[SlideRow]:
    """Read ``slides.csv`` of ``cite tile`` with a column ``label`` or ``subtype``.

    Raises:
        FileNotFoundError: the table is missing.
        ValueError: a fault; the message names the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path}: no such table of slides.')
    table = read_csv_table(path)
    slide_column, label, mpp_column, file_column = (
        find_column(table.columns, names, path)
        for names in (IDS, LABELS, ('mpp',), ('file',))
    )
    if slide_column is None or label is None:
        raise ValueError(
            f'{path}:1: the columns id and label (or subtype) are needed: add the '
            'class of each slide to the table of `cite tile`.'
        )
    rows: dict[str, SlideRow] = {}
    for line, row in table.rows:
        where, name, class_name = f'{path}:{line}', row[slide_column], row[label]
        file = row[file_column] if file_column else ''
        if not name or not class_name or name in rows:
            raise ValueError(
                f'{where}: id {name[:60]!r} or {label} is empty, or repeated.'
            )
        _check_id(name, where)
        mpp = _mpp(row[mpp_column] if mpp_column else None, where)
        stems = name, *_stems(file or name)
        rows[name] = SlideRow(name, stems, class_name, mpp, file or None)
    if not rows:
        raise ValueError(f'{path}: no slide in it.')
    return list(rows.values())


def _stems(file: str) -> tuple[str, ...]:
    """Return a slide file's name, and that without its ending; an id may have dots."""
    path = Path(file)
    is_slide = path.suffix.lower() in SLIDE_SUFFIXES + IMAGE_SUFFIXES
    return (path.name, path.stem) if is_slide else (path.name,)


def _check_id(name: str, where: str) -> None:
    """Refuse an id that cannot be part of a file's name."""
    try:
        fitting = slide_id(f'{name}.x')
    except ValueError:
        fitting = 'letters and digits'
    if fitting != name or len(name.encode()) > LONGEST:
        raise ValueError(
            f'{where}: the id {name[:60]!r} names files: write {fitting[:60]}, at most '
            f'{LONGEST} letters.'
        )


def _mpp(text: Optional[str], where: str) -> Optional[float]:
    if not text:
        return None
    try:
        mpp = float(text)
    except ValueError as error:
        raise ValueError(f'{where}: mpp {text[:60]!r} is not a number.') from error
    if not (math.isfinite(mpp) and mpp > 0):
        raise ValueError(f'{where}: mpp {text[:60]!r}: microns per pixel are positive.')
    return mpp


def find_files(folder: Path, rows: Sequence[SlideRow]) -> list[Path]:
    """Return each slide's file of features; HDF5, with coordinates, before ``.pt``.

    Raises:
        FileNotFoundError: a slide has none, or the folder is missing.
        ValueError: a slide has several.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: no such folder of features.')
    by_stem: dict[str, list[Path]] = {}
    for path in sorted(files_below(folder)):
        # CLAM's patches/ID.h5 and TRIDENT's patches/ hold coordinates alone.
        has_features = 'patches' not in path.relative_to(folder).parts
        if has_features and path.suffix.lower() in SUFFIXES:
            by_stem.setdefault(path.stem, []).append(path)
    files, missing = [], []
    for row in rows:
        candidates = {path for stem in row.stems for path in by_stem.get(stem, ())}
        placed = [path for path in candidates if path.suffix.lower() != '.pt']
        best = placed or list(candidates)
        if len(best) > 1:
            names = shorten(sorted(map(str, best)))
            raise ValueError(
                f'slide {row.id} has several files of features: {names}. Name the '
                'folder of one encoder.'
            )
        files += best
        missing += [] if best else [row.id]
    if missing:
        raise FileNotFoundError(
            f'{folder}: no features of {len(missing)} slides: {shorten(missing)}. '
            'Extract them, or delete their lines from the table.'
        )
    return files
