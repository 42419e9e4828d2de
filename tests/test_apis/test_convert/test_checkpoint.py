"""Finding the weights that a path means."""

import json

import numpy as np
import pytest
import torch

from cite.apis.convert.checkpoint import Checkpoint


def test_missing_file():
    for name in ('nowhere.pth', 'nowhere.npz'):
        with pytest.raises(FileNotFoundError, match='no such weights file'):
            Checkpoint.read(name)


def test_folder_without_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'model\.safetensors'):
        Checkpoint.read(tmp_path)


def test_config_counts_beside_hub_files_only(tmp_path):
    (tmp_path / 'config.json').write_text('{"num_attention_heads": 7}')
    for name, expected in (('pytorch_model.bin', 7), ('mine.pth', None)):
        torch.save({'a': torch.ones(1)}, tmp_path / name)
        config = Checkpoint.read(tmp_path / name).config
        assert config.get('num_attention_heads') == expected


@pytest.mark.parametrize('text', ['{', '[1]'])
def test_broken_config(tmp_path, text):
    torch.save({'a': torch.ones(1)}, tmp_path / 'pytorch_model.bin')
    (tmp_path / 'config.json').write_text(text)
    with pytest.raises(ValueError, match=r'config\.json is not (a )?JSON'):
        Checkpoint.read(tmp_path)


def test_npz_arrays_become_tensors(tmp_path):
    np.savez(
        tmp_path / 'a.npz', **{'x/y': np.arange(6, dtype=np.float32).reshape(2, 3)}
    )
    content = Checkpoint.read(tmp_path / 'a.npz').content
    assert json.dumps(content['x/y'].tolist()) == '[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]'


def test_damaged_npz(tmp_path):
    (tmp_path / 'a.npz').write_bytes(b'PK not really')
    with pytest.raises(ValueError, match='not an npz of plain arrays'):
        Checkpoint.read(tmp_path / 'a.npz')
