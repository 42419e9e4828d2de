"""mmcls' folds of patches are refused, also inside other wrappers."""

import mmcls.datasets
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
        build_dataset(cfg)


def test_folds_made_by_hand_are_refused_by_the_loader(tmp_path):
    (tmp_path / 'ann.txt').write_text('a_0.png 0\nb_0.png 1\n')
    data = {'type': 'PatchGastricCls3', 'ann_file': str(tmp_path / 'ann.txt')}
    folds = mmcls.datasets.KFoldDataset(
        build_dataset({**data, 'data_prefix': '', 'pipeline': []}), num_splits=2
    )
    with pytest.raises(ValueError, match='KFoldDataset divides patches'):
        build_dataloader(folds, 2, 0)
