"""Cut many slides; one that fails does not stop the others."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Union

from cite.core.files.folder_lock import folder_lock
from cite.core.files.write_whole import PARTIAL, write_text_whole
from cite.slides import SlideFile, SlideReader, find_slides, open_slide
from cite.slides.scale_table import ScaleTable

from .one_slide import PATCHES, tile_slide
from .settings import TileSettings

COLUMNS = (
    *('id', 'file', 'quickhash', 'mpp', 'mpp_source', 'tiles', 'missing'),
    *('tissue_mm2', 'note'),
)


class Tiled(NamedTuple):
    """What became of the slides."""

    rows: list[dict[str, Any]]  # of slides.csv
    failed: dict[str, str]  # file -> reason


def tile_slides(
    slides: Iterable[Union[str, Path]],
    out: Union[str, Path],
    settings: Optional[TileSettings] = None,
    mpp: Optional[str] = None,
    roi: Optional[Union[str, Path]] = None,
    workers: int = 4,
    say: Callable[[str], None] = print,
) -> Tiled:
    """Cut slides into a data set in PatchGastric's layout.

    A slide is done when its note, ``done/ID.json``, is there; tiles that an interrupted
    run left are kept.

    Args:
        slides: slide files and folders.
        out: folder of the data set.
        settings: how to cut.
        mpp: a number, or a table with the columns slide,mpp, instead of what the files
            say.
        roi: GeoJSON of the tissue, or a folder with one named after each slide.
        workers: number of threads.
        say: gets a line for each slide.

    Raises:
        FileNotFoundError: a path is missing.
        ValueError: equal ids, a folder with other tiles, or a faulty table.
        OSError: a file cannot be written.
    """
    out, settings = Path(out).expanduser(), settings or TileSettings()
    files, scales = find_slides(slides), ScaleTable(mpp)
    rois = _rois(files, roi)
    tiled, owners = Tiled([], {}), _quickhashes(out)
    with folder_lock(out):
        settings.keep_in(out)
        for leftover in out.glob(f'*/*{PARTIAL}'):  # of a run that was killed
            leftover.unlink()
        for slide in files:
            try:
                with open_slide(slide.path, scales[slide]) as reader:
                    _refuse_copy(slide, reader, owners)
                    row = _finished(slide, reader, out) or _tile(
                        slide, reader, out, settings, rois(slide), workers
                    )
            except (ValueError, FileNotFoundError) as error:
                tiled.failed[str(slide.path)] = str(error)
                say(f'failed: {error}')
            else:
                tiled.rows.append(row)
                say(f'{slide.id}: {row["tiles"]:,} tiles' + _with(row['note']))
            _write_table(out)
    return tiled


def _tile(slide: SlideFile, reader: SlideReader, out: Path, *how: Any) -> Any:
    """Cut a slide, and note that it is done; return its row of slides.csv."""
    row = tile_slide(slide, reader, out, *how)
    write_text_whole(_done(out, slide.id), json.dumps(row) + '\n')
    return row


def _with(note: str) -> str:
    return f'; {note}' if note else ''


def _done(out: Path, name: str) -> Path:
    return out / 'done' / f'{name}.json'


def _finished(
    slide: SlideFile, reader: SlideReader, out: Path
) -> Optional[dict[str, Any]]:
    """Return the row of a slide whose tiles are all there."""
    row = _read_note(_done(out, slide.id))
    if row is None:
        return None
    if (row['quickhash'], row['mpp']) != (reader.quickhash, round(reader.mpp, 6)):
        raise ValueError(
            f'{slide.path}: {out} holds tiles with the id {slide.id} of another file '
            'or another mpp. Rename the file, or name another --out.'
        )
    tiles = out / PATCHES
    return row if all((tiles / name).is_file() for name in row['names']) else None


def _read_note(path: Path) -> Optional[dict[str, Any]]:
    """Read the note of a finished slide; None if it is missing or damaged."""
    try:
        row = json.loads(path.read_text(encoding='utf-8'))
        complete = all(key in row for key in (*COLUMNS, 'names'))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return row if complete else None


def _notes(out: Path) -> list[dict[str, Any]]:
    rows = map(_read_note, sorted(out.glob('done/*.json')))
    return [row for row in rows if row is not None]


def _quickhashes(out: Path) -> dict[str, str]:
    """Return the id that each quickhash in the folder has."""
    return {row['quickhash']: row['id'] for row in _notes(out)}


def _refuse_copy(slide: SlideFile, reader: SlideReader, owners: dict[str, str]) -> None:
    owner = owners.setdefault(reader.quickhash, slide.id)
    if owner != slide.id:
        raise ValueError(
            f'{slide.path}: the same slide as {owner} under another name (quickhash '
            f'{reader.quickhash[:12]}). Give one of them.'
        )


def _write_table(out: Path) -> None:
    """Write slides.csv of all finished slides."""
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, extrasaction='ignore', lineterminator='\n')
    table.writeheader()
    table.writerows(_notes(out))
    write_text_whole(out / 'slides.csv', text.getvalue())


def _rois(
    files: list[SlideFile], roi: Optional[Union[str, Path]]
) -> Callable[[SlideFile], Optional[Path]]:
    """Return which GeoJSON belongs to a slide.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: one file for several slides.
    """
    if roi is None:
        return lambda slide: None
    path = Path(roi).expanduser()
    if not path.exists():
        raise FileNotFoundError(f'--roi {path}: no such file or folder.')
    if path.is_file():
        if len(files) > 1:
            raise ValueError(
                f'--roi {path}: one file for {len(files)} slides. Give a folder with a '
                'GeoJSON named after each slide.'
            )
        return lambda slide: path

    def find(slide: SlideFile) -> Path:
        names = [f'{name}.geojson' for name in (slide.path.stem, slide.id)]
        for name in names:
            if (path / name).is_file():
                return path / name
        raise ValueError(f'{slide.path}: {path} has no {" or ".join(set(names))}.')

    return find
