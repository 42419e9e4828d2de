"""Cut many slides; one that fails does not stop the others."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Union

from cite.core.files.json_file import read_json
from cite.core.files.lock import only_one
from cite.core.files.write_whole import remove_partials, write_text_whole
from cite.slides import SlideFile, SlideReader, find_slides, open_slide
from cite.slides.file_state import content_hash
from cite.slides.roi_files import RoiFiles
from cite.slides.scale_table import ScaleTable

from .one_slide import PATCHES, slide_tiles, tile_slide
from .settings import TileSettings

MOST_NOTE = 256 << 20  # bytes: a million tiles have names of 30 letters
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
        mpp: a number, or a table with the columns slide,mpp; else what the files say.
        roi: GeoJSON of the tissue, or a folder with one named after each slide.
        workers: number of threads.
        say: gets a line for each slide.

    Raises:
        FileNotFoundError: a path is missing.
        ValueError: equal ids, a folder with other tiles, a faulty table, or another
            run cuts slides there.
        OSError: a file cannot be written.
    """
    out, settings = Path(out).expanduser(), settings or TileSettings()
    files = find_slides(slides, keep_names=settings.slide == 'folder')
    scales, rois = ScaleTable(mpp, files), RoiFiles(roi, files)
    tiled, owners = Tiled([], {}), _quickhashes(out)
    out.mkdir(parents=True, exist_ok=True)
    with only_one(out, 'cutting slides', 'Wait for it, or name another --out.'):
        settings.keep_in(out)
        remove_partials(out, depth=2)
        for slide in files:
            try:
                with open_slide(slide.path, scales[slide]) as reader:
                    _refuse_copy(slide, reader, owners)
                    row = _row(slide, reader, out, settings, rois, workers)
            except (ValueError, FileNotFoundError) as error:
                tiled.failed[str(slide.path)] = str(error)
                say(f'failed: {error}')
            else:
                tiled.rows.append(row)
                say(f'{slide.id}: {row["tiles"]:,} tiles' + _with(row['note']))
            _write_table(out)
    return tiled


def _row(
    slide: SlideFile,
    reader: SlideReader,
    out: Path,
    settings: TileSettings,
    rois: RoiFiles,
    workers: int,
) -> dict[str, Any]:
    """Return a slide's row of slides.csv, after cutting it unless that was done."""
    roi, note = rois[slide], _done(out, slide.id)
    source = _source(slide, reader, roi)
    row = _finished(slide, source, out)
    if row is None:
        _begin(note, source, slide_tiles(out, slide.id, settings))
        row = {**tile_slide(slide, reader, out, settings, roi, workers), **source}
        write_text_whole(note, json.dumps(row) + '\n')
    return row


def _source(
    slide: SlideFile, reader: SlideReader, roi: Optional[Path]
) -> dict[str, Any]:
    """Return what a slide's tiles are cut from, by which a second start knows it."""
    return {
        'id': slide.id,
        'quickhash': reader.quickhash,
        'mpp': round(reader.mpp, 6),
        'roi': None if roi is None else content_hash(roi),
    }


def _begin(note: Path, source: dict[str, Any], tiles: Iterable[Path]) -> None:
    """Note what is cut; remove tiles that an interrupted run cut from something else.

    Raises:
        OSError: a file cannot be written or removed.
    """
    started = _read_json(note)
    if all(started.get(key) == value for key, value in source.items()):
        return
    for tile in tiles if started else ():
        tile.unlink()
    write_text_whole(note, json.dumps(source) + '\n')


def _with(note: str) -> str:
    return f'; {note}' if note else ''


def _done(out: Path, name: str) -> Path:
    return out / 'done' / f'{name}.json'


def _finished(
    slide: SlideFile, source: dict[str, Any], out: Path
) -> Optional[dict[str, Any]]:
    """Return the row of a slide whose tiles are all there."""
    row = _read_note(_done(out, slide.id))
    if row is None:
        return None
    if any(row.get(key) != value for key, value in source.items()):
        raise ValueError(
            f'{slide.path}: {out} holds tiles with the id {slide.id} of another file, '
            'mpp or --roi. Rename the file, or name another --out.'
        )
    tiles = out / PATCHES
    return row if all((tiles / name).is_file() for name in row['names']) else None


def _read_json(path: Path) -> dict[str, Any]:
    """Read a note; empty if it is missing or damaged."""
    try:
        note = read_json(path, MOST_NOTE)
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _read_note(path: Path) -> Optional[dict[str, Any]]:
    """Read the note of a finished slide; None if it is missing or damaged."""
    row = _read_json(path)
    if not all(key in row for key in COLUMNS):
        return None
    names, texts = row.get('names'), (row['id'], row['quickhash'], row['note'])
    is_list = isinstance(names, list) and all(isinstance(n, str) for n in names)
    is_right = is_list and all(isinstance(text, str) for text in texts)
    return row if is_right and row['id'] == path.stem else None


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
