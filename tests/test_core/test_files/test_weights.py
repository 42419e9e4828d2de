import argparse
import pickle
import tarfile
import tracemalloc
import zipfile
from collections import OrderedDict, defaultdict
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cite.core.files.plain_pickle import RefusedError
from cite.core.files.plain_tensors import Storage, rebuild
from cite.core.files.weights import load_weights

TENSORS = {'weight': torch.arange(6.0).reshape(2, 3), 'steps': torch.tensor(7)}


class Double(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(TENSORS['weight'].clone())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x * self.weight


class Malicious:
    """Create a file when unpickled."""

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
    pickle.loads(path.read_bytes())  # the file does carry code
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
    # torch 1.13's weights_only reader cannot read a Python float.
    layer = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.125, momentum=0.9)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    torch.save({'optimizer': optimizer.state_dict(), 'loss': 0.5}, tmp_path / 'run.pth')
    loaded = load_weights(tmp_path / 'run.pth')
    assert loaded['loss'] == 0.5
    assert loaded['optimizer']['param_groups'][0]['lr'] == 0.125
    optimizer.load_state_dict(loaded['optimizer'])


def test_what_published_files_hold_beside_the_weights(tmp_path):
    # Command lines, NumPy scalars, paths, random states, versions of modules.
    norm = torch.nn.BatchNorm1d(2).state_dict()
    content = {
        'model': norm,
        'args': argparse.Namespace(lr=0.5, out=PurePosixPath('/runs')),
        'best': np.float64(93.5),
        'random': np.random.RandomState(0).get_state(),
        'factory': defaultdict(dict, {0: {'step': 1}}),
        'shape': torch.Size([2, 3]),
        'type': torch.bfloat16,
        'device': torch.device('cpu'),
    }
    for zipped in (True, False):
        path = tmp_path / 'published.pth'
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        loaded = load_weights(path)
        assert loaded['args'].lr == 0.5
        assert str(loaded['args'].out) == '/runs'
        assert loaded['best'] == 93.5
        assert (loaded['random'][1] == content['random'][1]).all()
        assert loaded['factory'] == {0: {'step': 1}}
        for name in ('shape', 'type', 'device'):
            assert loaded[name] == content[name]
        assert loaded['model']._metadata == norm._metadata


def test_a_name_reaches_no_function_of_ours(tmp_path):
    # Files cannot call or change even the names that the reader knows as they like.
    for attack in (
        b'cargparse\nNamespace\n}X\x05\x00\x00\x00buildcos\nsystem\nsb.',
        b'ccollections\nOrderedDict\n}(X\x01\x00\x00\x00aK\x01ub.',
        b'cbuiltins\ngetattr\n.',
        b'ctorch\nload\n.',
        b'\x8c\x17cite.core.files.weights\x8c\x0d_load_trusted\x93.',
    ):
        head = [0x1950A86A20F9469CFC6C, 1001, {'little_endian': True}]
        parts = [pickle.dumps(part, 2) for part in head]
        path = tmp_path / 'attack.pth'
        path.write_bytes(b''.join([*parts, attack, pickle.dumps([], 2)]))
        with pytest.raises(ValueError, match='more than tensors'):
            load_weights(path)


@pytest.mark.parametrize(
    ('size', 'stride', 'offset'),
    [((7,), (1,), 0), ((6,), (1,), 1), ((2,), (-1,), 1), ((1 << 50,), (0,), 0)],
)
def test_a_tensor_stays_within_its_data(size, stride, offset):
    storage = Storage(torch.zeros(24, dtype=torch.uint8), torch.float32)
    assert rebuild(storage, 0, (6,), (1,)).shape == (6,)
    with pytest.raises(RefusedError):
        rebuild(storage, offset, size, stride)


def test_state_dict_of_torchscript_is_torchs_own(tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3).half())
    torch.jit.script(network).save(str(tmp_path / 'script.pt'))
    wanted = torch.jit.load(str(tmp_path / 'script.pt')).state_dict()
    loaded = load_weights(tmp_path / 'script.pt')
    assert list(loaded) == list(wanted)
    for name, tensor in wanted.items():
        assert torch.equal(loaded[name], tensor)
        assert loaded[name].dtype == tensor.dtype


def test_a_flipped_bit_is_seen(tmp_path):
    torch.save(TENSORS, tmp_path / 'run.pth')
    data = bytearray((tmp_path / 'run.pth').read_bytes())
    data[data.index(TENSORS['weight'].numpy().tobytes()) + 5] ^= 1
    (tmp_path / 'run.pth').write_bytes(data)
    with pytest.raises(ValueError, match='damaged'):
        load_weights(tmp_path / 'run.pth')


def test_a_part_of_a_storage_in_the_old_format(tmp_path):
    # Tensors of 1.13 are whole storages; older files refer to parts of them.
    path = tmp_path / 'old.pth'
    whole = torch.arange(8.0)
    data = whole.view(torch.uint8)[4 * 4 :]  # from its fifth number on
    part = rebuild(Storage(data, torch.float32), 0, (4,), (1,))
    assert part.tolist() == [4, 5, 6, 7]
    torch.save(whole[4:], path, _use_new_zipfile_serialization=False)
    assert load_weights(path).tolist() == [4, 5, 6, 7]


@contextmanager
def little_memory():
    """Check that Python never uses more than a megabyte."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


NESTED = ((1,),)


@pytest.mark.parametrize(
    'content',
    [
        {NESTED: 1},
        {'a': 1, NESTED: 2},
        {'a': {NESTED}},
        {'a': frozenset([NESTED])},
        OrderedDict([(NESTED, 1)]),
    ],
    ids=['one key', 'keys', 'set', 'frozenset', 'OrderedDict'],
)
@pytest.mark.parametrize('protocol', [2, 4])
def test_a_key_within_keys_is_refused(tmp_path, content, protocol):
    # Hashing a tuple within tuples recurses in C without a limit.
    torch.save(content, tmp_path / 'run.pth', pickle_protocol=protocol)
    with pytest.raises(ValueError, match='keys by a tuple'):
        load_weights(tmp_path / 'run.pth')


def test_a_storage_larger_than_an_old_file_is_refused(tmp_path):
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            kind = torch.FloatStorage
            return (
                ('storage', kind, '0', 'cpu', 1 << 28, None) if value is ... else None
            )

    with (tmp_path / 'huge.pth').open('wb') as file:
        for part in (0x1950A86A20F9469CFC6C, 1001, {'little_endian': True}):
            pickle.dump(part, file, 2)
        Pickler(file, 2).dump({'weight': ...})
        pickle.dump(['0'], file, 2)
    with little_memory(), pytest.raises(ValueError, match='larger than the file'):
        load_weights(tmp_path / 'huge.pth')


def test_a_compressed_record_is_refused(tmp_path):
    # Compressed, a gigabyte of zeros is a megabyte.
    torch.save({'weight': torch.zeros(1 << 19)}, tmp_path / 'run.pth')
    with (
        zipfile.ZipFile(tmp_path / 'run.pth') as whole,
        zipfile.ZipFile(tmp_path / 'bomb.pth', 'w', zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in whole.namelist():
            kind = None if name.endswith('data/0') else zipfile.ZIP_STORED
            bomb.writestr(name, whole.read(name), kind)
    assert (tmp_path / 'bomb.pth').stat().st_size < 10_000
    with little_memory(), pytest.raises(ValueError, match='data/0 compressed'):
        load_weights(tmp_path / 'bomb.pth')


def test_a_record_larger_than_its_archive_is_refused(tmp_path):
    torch.save({'weight': torch.zeros(4)}, tmp_path / 'run.pth')
    data = bytearray((tmp_path / 'run.pth').read_bytes())
    # Both sizes in the directory at the end of the zip.
    entry = data.rindex(b'PK\x01\x02', 0, data.rindex(b'data/0'))
    data[entry + 20 : entry + 28] = 2 * (1 << 30).to_bytes(4, 'little')
    (tmp_path / 'huge.pth').write_bytes(data)
    with little_memory(), pytest.raises(ValueError, match='damaged'):
        load_weights(tmp_path / 'huge.pth')


def test_memory_is_not_taken_on_a_file_s_word(tmp_path):
    path = tmp_path / 'huge.pth'
    path.write_bytes(b'\x80\x05\x96' + (2**31).to_bytes(8, 'little') + b'.')
    with pytest.raises(ValueError, match='it holds a bytearray'):
        load_weights(path)


def test_a_tar_is_called_one(tmp_path):
    # torch wrote such checkpoints before version 0.1.11.
    (tmp_path / 'tensors').write_bytes(pickle.dumps(0, 2))
    with tarfile.open(tmp_path / 'old.pth', 'w', format=tarfile.GNU_FORMAT) as tar:
        tar.add(tmp_path / 'tensors', 'tensors')
    with pytest.raises(ValueError, match=r'old\.pth .*\(it is a tar.*CITE_TRUST'):
        load_weights(tmp_path / 'old.pth')


@pytest.mark.parametrize(
    'text', ['custom_imports = {}\nmodel = 1\n', 'c0_1.png 0\nd 1\n']
)
def test_a_text_is_not_offered_to_be_trusted(tmp_path, text):
    """The letter c begins a pickle's call of what the next two lines name."""
    path = tmp_path / 'config.py'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'not a checkpoint.*a text') as raised:
        load_weights(path)
    assert 'CITE_TRUST' not in str(raised.value)
