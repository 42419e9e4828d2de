"""Rows of whole slides: reading tiles, reading while the model works, memory, viewer.

Their left side is not the release, which has no slides, but what bounds ours: a bare
loop of OpenSlide, the slower of reading and model, the memory after a tenth of a slide,
the prediction. ``slide_path`` measures.
"""

from functools import partial
from pathlib import Path
from typing import Any, Optional

from demo.slides import write_slide_file

from . import slide_path
from .row import Measure, Row, Workspace

# File in data/slides, and microns a pixel where it does not say them.
FILES: dict[str, tuple[str, Optional[float]]] = {
    'jpeg': ('CMU-1-Small-Region.svs', None),
    'jpeg2000': ('TCGA-CR-7395-01A-01-TS1.svs', 0.25),
}
REAL = Path('data/slides')


def _drawn(workspace: Workspace) -> Path:
    return workspace.folder / 'slides' / 'drawn.tif'


def _prepare(workspace: Workspace) -> None:
    if not _drawn(workspace).is_file():
        write_slide_file(_drawn(workspace))


def _prepare_model(workspace: Workspace) -> None:
    _prepare(workspace)
    slide_path.write_model(workspace)


def _file(kind: str, workspace: Workspace) -> tuple[Path, Optional[float]]:
    if kind == 'deflate':
        return _drawn(workspace), None
    name, mpp = FILES[kind]
    return REAL / name, mpp


def _missing(kind: str) -> Optional[str]:
    path = REAL / FILES[kind][0] if kind in FILES else None
    return None if path is None or path.is_file() else f'{path} is not there: not run'


def _bare(kind: str, workspace: Workspace) -> Measure:
    return slide_path.bare_tiles(*_file(kind, workspace), workspace.small)


def _tiles(kind: str, workspace: Workspace) -> Measure:
    return slide_path.our_tiles(*_file(kind, workspace), workspace.small)


def _tile_row(kind: str) -> Row:
    return Row(
        f'tiles-{kind}',
        f'reading tiles of a {kind} slide file; left: a bare loop of OpenSlide',
        'tiles/s/core',
        0.9,
        partial(_bare, kind),
        partial(_tiles, kind),
        "OpenSlide's read_region; then white below alpha, and the queue",
        more_is_better=True,
        prepare=_prepare,
        missing=partial(_missing, kind),
    )


def _slide(measure: Any, workspace: Workspace) -> Measure:
    return measure(workspace, _drawn(workspace))


ROWS = [
    *map(_tile_row, ('deflate', *FILES)),
    Row(
        'predict-busy',
        'a slide through the model; left: the slower of reading and model alone',
        's',
        0.9,
        partial(_slide, slide_path.slower_alone),
        partial(_slide, slide_path.together),
        'the slower of the two is at work all the time',
        prepare=_prepare_model,
    ),
    Row(
        'predict-memory',
        'memory of the process that grows most over a made-up slide of 100,000 tiles; '
        'left: after a tenth',
        'MiB',
        0.98,
        partial(slide_path.memory, 0),
        partial(slide_path.memory, 1),
        'coordinates and probabilities: 28 bytes a tile',
        exact=True,
    ),
    Row(
        'viewer',
        "the viewer's page of a slide; left: its prediction",
        's',
        1,
        partial(_slide, slide_path.prediction),
        partial(_slide, slide_path.viewer),
        'reading the tissue once, JPEG of a third more pixels',
        prepare=_prepare_model,
    ),
]
