"""Copies of the shipped configs: complete, and the same to mmcv as the originals."""

from pathlib import Path

import pytest
from mmcv import Config

from cite.apis.shipped_configs import copy_configs, families, shipped_configs


@pytest.mark.parametrize('name', families())
def test_a_copy_is_complete(tmp_path, name):
    copies = copy_configs(name, tmp_path / 'configs' / 'mine')
    originals = [
        path
        for path in sorted((shipped_configs() / name).rglob('*.py'))
        if '_base_' not in path.parts
    ]
    assert len(copies) == len(originals) > 0
    for copy, original in zip(copies, originals):
        content, expected = (
            Config.fromfile(path)._cfg_dict for path in (copy, original)
        )
        folders = str(tmp_path / 'configs' / 'mine'), str(shipped_configs() / name)
        assert str(content).replace(*folders) == str(expected)
        classes = content.get('data', {}).get('train', {}).get('classes')
        if isinstance(classes, str):  # found from any folder
            assert Path(classes).is_absolute()
            assert (
                Path(classes).read_text() == Path(classes.replace(*folders)).read_text()
            )


def test_mistakes_are_named(tmp_path):
    with pytest.raises(ValueError, match=r'no configs gals; there are .*glas'):
        copy_configs('gals', tmp_path / 'mine')
    with pytest.raises(FileExistsError, match='exists; name another folder'):
        copy_configs('glas', tmp_path)
