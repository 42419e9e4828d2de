import pytest
import torch
from mmcv.runner import load_checkpoint
from safetensors.torch import save_file

import cite  # noqa: F401


class Trap:
    def __reduce__(self):
        return exec, ('raise SystemExit("code ran")',)


def test_mmcv_reads_safetensors(tmp_path):
    layer = torch.nn.Linear(2, 1)
    save_file(
        {'weight': torch.ones(1, 2), 'bias': torch.zeros(1)}, tmp_path / 'l.safetensors'
    )
    load_checkpoint(layer, str(tmp_path / 'l.safetensors'), strict=True)
    assert layer(torch.tensor([2.0, 3.0])).item() == 5.0


def test_mmcv_runs_no_code_of_a_checkpoint(tmp_path):
    torch.save({'state_dict': {}, 'meta': Trap()}, tmp_path / 'stranger.pth')
    with pytest.raises(ValueError, match=r'stranger\.pth holds more than'):
        load_checkpoint(torch.nn.Linear(2, 1), str(tmp_path / 'stranger.pth'))


def test_a_file_called_none_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layer = torch.nn.Linear(2, 1)
    torch.save({'weight': torch.ones(1, 2), 'bias': torch.zeros(1)}, 'none')
    load_checkpoint(layer, 'none', strict=True)
    assert layer.weight.tolist() == [[1.0, 1.0]]
