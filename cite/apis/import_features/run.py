"""Write others' features as our feature data sets read them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
from tqdm import tqdm

from cite.core.files.lock import only_one
from cite.core.files.numpy_files import write_header
from cite.core.files.write_whole import remove_partials, write_text_whole, write_whole
from cite.core.messages import shorten
from cite.datasets.storage.feature_note import note_path

from .slide_features import SlideFeatures, read_slide_features
from .slide_rows import SlideRow, find_files, read_slide_rows


class Imported(NamedTuple):
    """What was written."""

    annotation: Path
    classes: list[str]
    rows: int
    width: int
    source: str
    notes: list[str]


class _Head(NamedTuple):
    """What a slide's file says, without its features."""

    lines: list[str]  # names of its tiles
    width: int
    encoder: Optional[str]
    source: str
    tile_size: Optional[float]
    has_places: bool


def import_features(
    folder: Union[str, Path],
    table: Union[str, Path],
    out: Union[str, Path],
    classes: Optional[Sequence[str]] = None,
) -> Imported:
    """Take over the features of TRIDENT, CLAM, STAMP or CSVs of tiles.

    Writes ``{out}_1.npy`` (N, D) float32, ``{out}.txt``, an annotation file with a line
    for each row, and ``{out}.json``, the note of their source. Slides are in the
    table's order, tiles by (y, x), named ``{id}_{x}_{y}`` in pixels of level 0.

    Args:
        folder: the package's output.
        table: slides, with the columns id and label (or subtype), and file and mpp as
            ``cite tile`` writes them.
        out: prefix of the files.
        classes: class names in the order of their numbers; by default sorted.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a faulty file, slides of different encoders, or another run that
            writes there.
        OSError: the files cannot be written.
    """
    folder, table = Path(folder).expanduser(), Path(table).expanduser()
    prefix = Path(out).expanduser()
    rows = read_slide_rows(table)
    names = _classes(rows, classes, table)
    files = find_files(folder, rows)
    heads = [
        _head(read_slide_features(path), row, path)
        for row, path in zip(tqdm(rows, 'reading', unit='slide', disable=None), files)
    ]
    _refuse_mixture(heads, files)
    lines = [
        f'{line} {names.index(row.class_name)}\n'
        for row, head in zip(rows, heads)
        for line in head.lines
    ]
    annotation, first = Path(f'{prefix}.txt'), heads[0]
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with only_one(prefix, 'importing features', 'Wait for it, or name another --out.'):
        _write_features(prefix, files, heads)
        write_text_whole(annotation, ''.join(lines))
        _write_note(prefix, annotation, lines, first)
    return Imported(
        annotation, names, len(lines), first.width, first.source, list(_notes(heads))
    )


def _classes(
    rows: list[SlideRow], classes: Optional[Sequence[str]], table: Path
) -> list[str]:
    present = sorted({row.class_name for row in rows})
    if classes is None:
        return present
    unknown = [name for name in present if name not in classes]
    if unknown:
        raise ValueError(
            f'{table}: the classes {shorten(unknown)} are not in --classes '
            f'{" ".join(classes)}.'
        )
    return list(classes)


def _head(read: SlideFeatures, row: SlideRow, path: Path) -> _Head:
    return _Head(
        _lines(read, row, path),
        read.features.shape[1],
        read.encoder,
        read.source,
        read.tile_size,
        read.coords is not None,
    )


def _lines(read: SlideFeatures, row: SlideRow, path: Path) -> list[str]:
    """Name a slide's tiles."""
    if read.coords is None:
        return [f'{row.id}_row{i}' for i in range(len(read.features))]
    scale = 1.0
    if read.unit == 'um':
        if row.mpp is None:
            raise ValueError(
                f'{path}: coordinates are in microns: give the column mpp of slide '
                f'{row.id} in the table.'
            )
        scale = 1 / row.mpp
    places = np.rint(read.coords * scale)
    if np.abs(places).max() > 1e9:
        raise ValueError(
            f'{path}: a tile lies beyond any slide, at {places.max():.3g}.'
        )
    lines = [f'{row.id}_{x}_{y}' for x, y in places.astype(np.int64).tolist()]
    if len(set(lines)) < len(lines):
        raise ValueError(
            f'{path}: two tiles at one place, in pixels of level 0. Are the '
            'coordinates in another unit, or the features of two runs in one file?'
        )
    return lines


def _refuse_mixture(heads: list[_Head], files: list[Path]) -> None:
    """Refuse slides of different encoders: their numbers have nothing in common."""
    for head, path in zip(heads, files):
        for key in ('width', 'encoder', 'source', 'tile_size'):
            first, other = getattr(heads[0], key), getattr(head, key)
            # Level-0 pixels of a tile differ between scanners, microns do not.
            if key == 'tile_size' and head.source != 'STAMP':
                continue
            if first != other:
                raise ValueError(
                    f'{path}: {key.replace("_", " ")} {other}, but {files[0]} has '
                    f'{first}. Give the features of one encoder with one setting.'
                )


def _write_features(prefix: Path, files: list[Path], heads: list[_Head]) -> None:
    """Write the rows, one slide in memory at a time; remove a killed run's first."""
    for end in ('_1.npy', '.txt', '.json'):
        remove_partials(prefix.parent, prefix.name + end)
    shape = sum(len(head.lines) for head in heads), heads[0].width
    with write_whole(f'{prefix}_1.npy') as partial, partial.open('wb') as file:
        write_header(file, shape, np.dtype(np.float32))
        for path, head in zip(
            tqdm(files, 'writing', unit='slide', disable=None), heads
        ):
            features = read_slide_features(path).features
            if features.shape != (len(head.lines), head.width):
                raise ValueError(f'{path} changed while it was read. Start again.')
            # Written, not mapped: a full disk ends a process that writes into a map.
            file.write(np.ascontiguousarray(features, np.float32).data)


def _write_note(prefix: Path, annotation: Path, lines: list[str], head: _Head) -> None:
    encoder = f'{head.source} {head.encoder or "unknown"} {head.width}'
    note = {
        'imported_from': head.source,
        'backbone': {
            'type': head.encoder or 'unknown',
            'source': head.source,
            'digest': hashlib.sha256(encoder.encode()).hexdigest(),
        },
        'annotation': {
            'file': str(annotation),
            'lines': len(lines),
            'digest': hashlib.sha256(''.join(lines).encode()).hexdigest(),
        },
        'dtype': 'float32',
    }
    write_text_whole(note_path(str(prefix)), json.dumps(note, indent=1) + '\n')


def _notes(heads: list[_Head]) -> Iterator[str]:
    """Yield what the files leave open."""
    if not all(head.has_places for head in heads):
        yield 'the files have no coordinates: no map can be drawn of these features'
    if heads[0].encoder is None:
        yield 'the files do not name the encoder: the note calls it unknown'
    if heads[0].tile_size is None:
        yield 'the files do not say how large a tile is'
