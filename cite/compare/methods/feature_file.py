"""Features from files: those of ``cite import-features`` or ``cite extract``."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cite.core.files.numpy_files import MappedArray
from cite.core.messages import shorten
from cite.datasets.storage.feature_note import note_path, read_note
from cite.datasets.tables.annotations import read_annotations

from .scores import Lines

_ANY = 10**9  # labels are not read from these files
_AGAIN = 'Make the features again with `cite import-features`.'


def feature_paths(prefixes: Sequence[str]) -> list[Path]:
    """Return the files on which features with these prefixes depend.

    Raises:
        FileNotFoundError: one is missing.
    """
    paths = [
        path
        for prefix in prefixes
        for path in (Path(f'{Path(prefix).expanduser()}_1.npy'), _lines_of(prefix))
    ]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(
                f'{path}: no such file, but features={[*prefixes]} names it. Make it '
                'with `cite import-features --out` and that name.'
            )
    return paths


def read_feature_file(
    prefixes: Sequence[str], lines: Lines, ann_file: str
) -> np.ndarray:
    """Return the features of an annotation file's patches, (N, D) float32.

    Args:
        prefixes: files of features without ``_1.npy``, with slides of their own each.
        lines: lines of the annotation file.
        ann_file: its path, for messages.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a slide or patch has no features, or the files do not fit.
    """
    rows = find_rows(prefixes, lines, ann_file)  # (N, 2) of file and row
    arrays = [_array(prefix) for prefix in prefixes]
    values = np.empty((len(rows), arrays[0].shape[1]), np.float32)
    for number, array in enumerate(arrays):
        wanted = rows[:, 0] == number
        values[wanted] = array[rows[wanted, 1]]
    if not np.isfinite(values).all():
        raise ValueError(f'{prefixes[0]}_1.npy: some features are not finite. {_AGAIN}')
    return values


def find_rows(prefixes: Sequence[str], lines: Lines, ann_file: str) -> np.ndarray:
    """Return the file's number and the row of each patch, (N, 2).

    Raises:
        ValueError: patches without features, or features of several encoders.
    """
    _refuse_mixture(prefixes)
    places: dict[str, tuple[int, int]] = {}
    for number, prefix in enumerate(prefixes):
        for row, name in enumerate(_names(_stamp(_lines_of(prefix)))):
            if places.setdefault(name, (number, row)) != (number, row):
                raise ValueError(
                    f'{_lines_of(prefix)}: {name} is listed twice in the files of '
                    f'features={[*prefixes]}. Name each slide once.'
                )
    missing = {
        str(slide): name
        for name, slide in zip(lines.files, lines.slides)
        if name not in places
    }
    if not missing:
        return np.array([places[name] for name in lines.files])
    kept = {name.partition('_')[0] for name in places}  # as import-features names rows
    absent = [slide for slide in sorted(missing) if slide not in kept]
    source = ', '.join(str(_lines_of(prefix)) for prefix in prefixes)
    if absent:
        raise ValueError(
            f'{ann_file}: no features of the slides {shorten(absent)} in {source}. Add '
            'them to the table and run `cite import-features` again, or delete their '
            'lines.'
        )
    slide, name = next(iter(missing.items()))
    raise ValueError(
        f'{ann_file}: slide {slide} has features, but not of the patch {name}. Make '
        f'the annotation files from {source}: `cite ann --features`.'
    )


def _refuse_mixture(prefixes: Sequence[str]) -> None:
    """Refuse files of different encoders or widths."""
    facts = []
    for prefix in prefixes:
        note = read_note(prefix) or {}
        width = _array(prefix).shape[1]
        facts.append((width, note.get('backbone', {}).get('digest')))
    for prefix, fact in zip(prefixes, facts):
        if fact != facts[0]:
            raise ValueError(
                f'features={[*prefixes]}: {prefix} has the width {fact[0]} and another '
                f'encoder or width than {prefixes[0]} ({facts[0][0]}). {_AGAIN}'
            )


def _lines_of(prefix: str) -> Path:
    """Return the annotation file whose lines are the rows."""
    path = Path(f'{Path(prefix).expanduser()}.txt')
    if not path.is_file() and note_path(prefix).is_file():
        note = read_note(prefix) or {}
        return Path(note.get('annotation', {}).get('file', path))
    return path


def _stamp(path: Path) -> tuple[str, int]:
    return str(path), path.stat().st_mtime_ns if path.is_file() else 0


@functools.lru_cache(maxsize=8)
def _names(stamp: tuple[str, int]) -> tuple[str, ...]:
    return tuple(line.filename for line in read_annotations(stamp[0], _ANY))


def _array(prefix: str) -> np.ndarray:
    path = Path(f'{Path(prefix).expanduser()}_1.npy')
    array = MappedArray(str(path)).check()
    names = _names(_stamp(_lines_of(prefix)))
    if array.ndim != 2 or len(array) != len(names):
        raise ValueError(
            f'{path} has the shape {array.shape}, {_lines_of(prefix)} {len(names)} '
            f'lines: they do not belong together. {_AGAIN}'
        )
    return array
