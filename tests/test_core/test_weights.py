import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cite.core.weights import load_weights

TENSORS = {'weight': torch.arange(6.0).reshape(2, 3), 'steps': torch.tensor(7)}


class Double(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(TENSORS['weight'].clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x * self.weight


class Malicious:
    """Creates a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_reads_torch_checkpoint(tmp_path):
    path = tmp_path / 'run.pth'
    torch.save({'state_dict': TENSORS, 'meta': {'iter': 3, 'CLASSES': ('a',)}}, path)
    loaded = load_weights(path)
    assert loaded['meta'] == {'iter': 3, 'CLASSES': ('a',)}
    assert torch.equal(loaded['state_dict']['weight'], TENSORS['weight'])


def test_reads_safetensors(tmp_path):
    path = tmp_path / 'run.safetensors'
    save_file(TENSORS, str(path))
    loaded = load_weights(path)
    assert torch.equal(loaded['weight'], TENSORS['weight'])
    assert loaded['steps'] == 7


def test_reads_state_dict_of_torchscript(tmp_path):
    path = tmp_path / 'openai.pt'
    torch.jit.script(Double()).save(str(path))
    assert torch.equal(load_weights(path)['weight'], TENSORS['weight'])


@pytest.mark.parametrize('zipped', [True, False])
def test_code_in_a_checkpoint_does_not_run(tmp_path, zipped):
    path, trace = tmp_path / 'stranger.pth', tmp_path / 'code-ran'
    torch.save(
        {'state_dict': TENSORS, 'meta': Malicious(trace)},
        path,
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(ValueError, match=r'stranger\.pth holds more than tensors'):
        load_weights(path)
    assert not trace.exists()


def test_code_in_a_plain_pickle_does_not_run(tmp_path):
    path, trace = tmp_path / 'stranger.pth', tmp_path / 'code-ran'
    path.write_bytes(pickle.dumps(Malicious(trace)))
    with pytest.raises(ValueError, match=r'stranger\.pth'):
        load_weights(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())  # the file is what the test says it is
    assert trace.exists()


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@pytest.mark.parametrize('part', [0.0, 0.3, 0.9])
def test_damaged_file_is_named(tmp_path, suffix, part):
    whole, cut = tmp_path / f'whole{suffix}', tmp_path / f'cut{suffix}'
    if suffix == '.pth':
        torch.save(TENSORS, whole)
    else:
        save_file(TENSORS, str(whole))
    data = whole.read_bytes()
    cut.write_bytes(data[: int(part * len(data))])
    with pytest.raises(ValueError, match=f'cut{suffix}'):
        load_weights(cut)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'gone\.pth'):
        load_weights(tmp_path / 'gone.pth')


def test_reads_a_checkpoint_with_optimizer_and_floats(tmp_path):
    # torch 1.13's own weights_only reader knows no Python float.
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.125, momentum=0.9)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    torch.save({'optimizer': optimizer.state_dict(), 'loss': 0.5}, tmp_path / 'run.pth')
    loaded = load_weights(tmp_path / 'run.pth')
    assert loaded['loss'] == 0.5
    assert loaded['optimizer']['param_groups'][0]['lr'] == 0.125
    optimizer.load_state_dict(loaded['optimizer'])
