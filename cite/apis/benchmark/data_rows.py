"""Rows of the data path; ``data_path`` measures them, in a process for each figure."""

import importlib
from functools import partial
from importlib.util import find_spec

from cite.datasets.synthetic import make_patch_gastric

from .row import Measure, Row, Workspace

_MODULE = f'{__package__}.data_path'
_TITLES = {
    'few_slide': ('training data path, few-slide setting, after the first pass', 20),
    'first_pass': ('training data path, first pass over unseen patches', 3),
    'evaluation': ('evaluation data path', 2),
}
_BOUNDS = {
    'few_slide': 'memory bandwidth: a fp32 image of 224 x 224 is 0.6 MB to write',
    'first_pass': 'decoding JPEG and resizing',
    'evaluation': 'decoding JPEG and resizing',
}


def _counts(workspace: Workspace) -> tuple[int, int]:
    """Return patches of a slide and images of a measurement."""
    return (6, 12) if workspace.small else (200, 1024)


def _prepare(workspace: Workspace) -> None:
    patches, _ = _counts(workspace)
    root = workspace.folder / 'patches'
    ann_file = workspace.folder / 'patches.txt'
    if ann_file.is_file():
        return
    make_patch_gastric(root, 6, patches)
    names = sorted(path.name for path in (root / 'patches_captions').glob('*.jpg'))
    slides = sorted({name.split('_')[0] for name in names})
    lines = [f'{name} {slides.index(name.split("_")[0]) % 3}\n' for name in names]
    ann_file.write_text(''.join(lines))


def _side(row: str, side: str, workspace: Workspace) -> Measure:
    data_path = importlib.import_module(_MODULE)
    settings = {
        'data_prefix': str(workspace.folder / 'patches' / 'patches_captions'),
        'ann_file': str(workspace.folder / 'patches.txt'),
        'images': _counts(workspace)[1],
    }
    return lambda: float(data_path.measure_in_process(row, side, **settings))


ROWS = [
    Row(
        key.replace('_', '-'),
        title,
        'images/s/core',
        target,
        partial(_side, key, 'released'),
        partial(_side, key, 'ours'),
        _BOUNDS[key],
        more_is_better=True,
        prepare=_prepare,
    )
    for key, (title, target) in _TITLES.items()
    if find_spec(_MODULE) is not None
]
