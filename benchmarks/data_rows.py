"""Rows of the data path; ``data_path`` measures them, in a process for each figure."""

import re
from functools import partial

from cite.apis.features.pack import pack
from demo.slides import make_patch_gastric

from .data_path import SIDES, measure_in_process
from .row import Measure, Row, Workspace, no_gpu

OURS = SIDES['ours']
_TITLES = {
    'few_slide': ('training data path, few-slide setting, after the first pass', 20),
    'few_slide_gpu': ('the same few-slide path, with the images on the GPU', 20),
    'first_pass': ('training data path, first pass over unseen patches', 3),
    'evaluation': ('evaluation data path', 2),
    'first_pass_packed': ('the same first pass, ours from a packed file', 3),
    'evaluation_packed': ('the same evaluation, ours from a packed file', 2),
}
_FLOATS = 'a float32 image of 224 x 224 is 0.6 MB to write'
_FILES = 'decoding JPEG, then resizing'
_BOUNDS = {
    'few_slide': f'jitter: about 100 operations a pixel; {_FLOATS}',
    'few_slide_gpu': 'a copy of 150 KB, and the calls of the GPU',
    'first_pass': _FILES,
    'evaluation': _FILES,
    'first_pass_packed': f'jitter and checksum; {_FLOATS}',
    'evaluation_packed': f'checksum and copy of 150 KB; {_FLOATS}',
}


# Multiples of the number of images: our side reads 1024 in a third of a second.
_FEW_SLIDE = {'released': 2, 'ours': 32}
_FEW_SLIDE_NOTE = (
    f'ours goes through {_FEW_SLIDE["ours"] // _FEW_SLIDE["released"]} times as many '
    'images, so that starting workers weighs as little as in a run of 128,000'
)


def _counts(workspace: Workspace) -> tuple[int, int]:
    """Return patches of a slide and images of a measurement."""
    return (6, 12) if workspace.small else (180, 1024)


def _prepare(workspace: Workspace) -> None:
    """Draw two slides per class; list all of them, and one of each class."""
    patches, _ = _counts(workspace)
    root = workspace.folder / 'patches'
    config = workspace.folder / 'patches.py'
    if config.is_file():
        return
    make_patch_gastric(root, slides=2, patches=patches)
    names = sorted(path.name for path in (root / 'patches_captions').glob('*.jpg'))
    slides = sorted({name.split('_')[0] for name in names})
    for list_name, kept in (('patches.txt', slides), ('few.txt', slides[:3])):
        lines = (
            f'{name} {slides.index(name.split("_")[0]) % 3}\n'
            for name in names
            if name.split('_')[0] in kept
        )
        (workspace.folder / list_name).write_text(''.join(lines))
    data = {
        'type': 'PatchGastricCls3',
        'data_prefix': str(root / 'patches_captions'),
        'ann_file': str(workspace.folder / 'patches.txt'),
        'pipeline': [{'type': 'PatchGastricPipeline', **OURS}],
    }
    config.write_text(f'data = dict(train={data!r})\n')


def _prepare_packed(workspace: Workspace) -> None:
    _prepare(workspace)
    config = workspace.folder / 'patches.py'
    pack(config, workspace.folder / 'patches.npy', workers=0)


def _side(key: str, side: str, workspace: Workspace) -> Measure:
    row, packed = re.sub('_(packed|gpu)$', '', key), key.endswith('_packed')
    ann_file = 'few.txt' if row == 'few_slide' else 'patches.txt'
    images = _counts(workspace)[1]
    settings = {
        'data_prefix': str(workspace.folder / 'patches' / 'patches_captions'),
        'ann_file': str(workspace.folder / ann_file),
        'device': 'cuda' if key.endswith('_gpu') else 'cpu',
        # A run reads 128,000 images, so that starting its workers hardly counts.
        'images': images * (_FEW_SLIDE[side] if row == 'few_slide' else 1),
    }
    if packed and side == 'ours':
        settings['packed'] = str(workspace.folder / 'patches.npy')
    return lambda: measure_in_process(row, side, **settings)


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
        prepare=_prepare_packed if key.endswith('_packed') else _prepare,
        estimate=_FEW_SLIDE_NOTE if key.startswith('few_slide') else '',
        missing=no_gpu if key.endswith('_gpu') else lambda: None,
    )
    for key, (title, target) in _TITLES.items()
]
