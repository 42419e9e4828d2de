"""What a folder of patches with its table holds, before anything is written for it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Optional, Union

from cite.apis.tile.settings import TileSettings
from cite.core.files.patch_file import open_patch
from cite.core.messages import count, shorten
from cite.datasets.tables.class_file import read_class_file
from cite.datasets.tables.patches import list_patches
from cite.datasets.tables.slide_rule import SlideRule, table_of
from cite.datasets.tables.slide_table import patient_column, read_captions
from cite.slides.find_slides import SLIDE_SUFFIXES
from cite.slides.scale import check_mpp

_MOST_CLASSES = 50
_LOOKED_AT = 20  # patches, of as many slides


class DataFolder(NamedTuple):
    """A folder of patches, as :func:`look_at` found it."""

    path: Path  # absolute
    slide: str  # the rule that says which slide a patch belongs to
    classes: Mapping[str, Sequence[str]]  # class name -> subtypes
    patient: Optional[str]  # the table's column of patients
    patch_pixels: Optional[int]  # edge of all patches that were looked at, if square
    mpp: Optional[float]  # microns per pixel, if it is known


def look_at(
    folder: Union[str, Path],
    slide: Optional[str] = None,
    classes: Optional[Union[str, Path]] = None,
    mpp: Optional[float] = None,
) -> DataFolder:
    """Read the table, the names of the patches and what `cite tile` noted.

    Args:
        folder: holds ``captions.csv`` and ``patches_captions/``.
        slide: which slide a patch belongs to; by default the first of ``'prefix'`` and
            ``'folder'`` by which the patches belong to the slides of the table.
        classes: classes file; by default each subtype of the table is a class.
        mpp: microns per pixel of the patches; by default what `cite tile` noted.

    Raises:
        FileNotFoundError: the folder is missing, or it has no patches or no table.
        ValueError: it holds slide files, or the table or the classes are faulty.
    """
    path = Path(folder).expanduser().absolute()
    _require_patches(path)
    table = path / 'captions.csv'
    tiles = TileSettings.read(path)
    rule = _settle_rule(path, slide or (tiles.slide if tiles else None))
    read = _classes_of_table(table, rule) if classes is None else None
    return DataFolder(
        path,
        rule.text,
        read_class_file(Path(classes)) if classes is not None else read or {},
        patient_column(table, None),
        tiles.patch_pixels if tiles else _edge(path / 'patches_captions', rule),
        _settle_mpp(mpp, tiles, path),
    )


def _settle_mpp(
    mpp: Optional[float], tiles: Optional[TileSettings], path: Path
) -> Optional[float]:
    """Return the scale that was given or noted; both must agree."""
    noted = tiles.patch_mpp if tiles else None
    given = None if mpp is None else check_mpp(mpp, '--mpp')
    if noted and given and noted != given:
        raise ValueError(f'--mpp {given:g}: `cite tile` cut {path} at {noted:g}.')
    return given or noted


def _edge(patches: Path, rule: SlideRule) -> Optional[int]:
    """Return the edge of the first patches of the slides; None if they differ."""
    sizes: set[tuple[int, int]] = set()
    for names in [*list_patches(patches, rule).slides.values()][:_LOOKED_AT]:
        # `cite check` names what cannot be opened.
        with suppress(OSError), open_patch(patches / names[0]) as image:
            sizes.add(image.size)
    width, height = sizes.pop() if len(sizes) == 1 else (0, 1)
    return width if width == height else None


def _require_patches(path: Path) -> None:
    if (path / 'patches_captions').is_dir():
        return
    if not path.is_dir():
        raise FileNotFoundError(f'{path}: no such folder.')
    names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
    slides = [name for name in names if name.lower().endswith(SLIDE_SUFFIXES)]
    if slides:
        raise ValueError(
            f'{path} holds slide files ({shorten(slides, 3)}), not patches. Cut them '
            f'first: `cite tile {path} --out data/mine`.'
        )
    raise FileNotFoundError(
        f'{path}: no folder patches_captions in it. Put the patches into '
        f'{path / "patches_captions"}, and the table of slides beside it, '
        'captions.csv with the columns id,subtype,text.'
    )


def _settle_rule(path: Path, slide: Optional[str]) -> SlideRule:
    """Return the rule that was asked for, or the first by which ids are found."""
    if slide is not None:
        table = table_of(slide)
        if table is not None:  # the config is read from other folders, too
            slide = slide.replace(
                table, str(Path(table.strip()).expanduser().absolute())
            )
        return SlideRule(slide)
    prefix = SlideRule('prefix')
    try:
        if _fits(path, prefix):
            return prefix
    except (ValueError, FileNotFoundError):  # ids with "_", no images at the top
        if not _fits_folders(path):
            raise
    return SlideRule('folder') if _fits_folders(path) else prefix


def _fits(path: Path, rule: SlideRule) -> bool:
    """Tell whether a slide of the table has patches by a rule."""
    rows = read_captions(path / 'captions.csv', rule=rule)
    patches = list_patches(path / 'patches_captions', rule).slides
    return any(row.id in patches for row in rows)


def _fits_folders(path: Path) -> bool:
    try:
        return _fits(path, SlideRule('folder'))
    except (ValueError, FileNotFoundError):
        return False


def _classes_of_table(table: Path, rule: SlideRule) -> dict[str, list[str]]:
    subtypes = sorted({row.subtype for row in read_captions(table, rule=rule)})
    if not 1 < len(subtypes) <= _MOST_CLASSES:
        raise ValueError(
            f'{table}: the column subtype has {count(len(subtypes), "value")} '
            f'({shorten(subtypes, 3)}). Each is to be a class, 2 to {_MOST_CLASSES}: '
            'correct the table, or join subtypes to classes in a file and name it with '
            '--classes.'
        )
    return {subtype: [subtype] for subtype in subtypes}
