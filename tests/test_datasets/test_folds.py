"""mmcls' folds of patches are refused, also inside other wrappers."""

import pytest
from mmcls.datasets import build_dataset

from cite.datasets.builder import build_dataloader


@pytest.mark.parametrize('wrap', ['none', 'repeat', 'concat'])
def test_folds_of_patches_are_refused(tmp_path, wrap):
    lines = [f's{i}_{k}.png {i % 3}\n' for i in range(6) for k in range(2)]
    (tmp_path / 'ann.txt').write_text(''.join(lines))
    inner = {
        'type': 'PatchGastricCls3',
        'data_prefix': '',
        'ann_file': str(tmp_path / 'ann.txt'),
        'pipeline': [],
    }
    cfg = {
        'type': 'KFoldDataset',
        'num_splits': 3,
        'test_mode': False,
        'dataset': inner,
    }
    if wrap == 'repeat':
        cfg = {'type': 'RepeatDataset', 'times': 2, 'dataset': cfg}
    if wrap == 'concat':
        cfg = [cfg]
    with pytest.raises(ValueError, match=r'KFoldDataset divides patches.*cite ann'):
        build_dataloader(build_dataset(cfg), 2, 0)
