"""The output is a new file, whole or not there at all, and never the input."""

import os
import resource
import stat
from pathlib import Path

import pytest
import torch

from cite.apis.convert.writer import check_paths, write_weights
from cite.core.files.weights import load_weights


@pytest.fixture
def source(tmp_path):
    path = tmp_path / 'in.pth'
    path.write_bytes(b'weights')
    return path


@pytest.mark.parametrize('how', ['same', 'spelled otherwise', 'symlink', 'hard link'])
@pytest.mark.parametrize('force', [False, True])
def test_the_input_is_never_the_output(source, tmp_path, how, force):
    out = tmp_path / 'other.pth'
    if how == 'symlink':
        out.symlink_to(source)
    elif how == 'hard link':
        os.link(source, out)
    elif how == 'same':
        out = source
    else:
        (tmp_path / 'folder').mkdir()
        out = tmp_path / 'folder' / '..' / 'in.pth'
    with pytest.raises(ValueError, match='is the input itself'):
        check_paths(source, out, force)


def test_source_may_itself_be_a_link(source, tmp_path):
    link = tmp_path / 'link.pth'
    link.symlink_to(source)
    with pytest.raises(ValueError, match='is the input itself'):
        check_paths(link, source, True)


def test_an_existing_file_needs_force(source, tmp_path):
    out = tmp_path / 'out.safetensors'
    out.write_bytes(b'precious')
    with pytest.raises(ValueError, match='add --force'):
        check_paths(source, out, False)
    check_paths(source, out, True)
    write_weights({'a': torch.ones(2)}, out, True, 'timm')
    assert load_weights(out)['a'].tolist() == [1, 1]


def test_a_dangling_link_counts_as_existing(source, tmp_path):
    out = tmp_path / 'out.pth'
    out.symlink_to(tmp_path / 'nowhere.pth')
    with pytest.raises(ValueError, match='add --force'):
        check_paths(source, out, False)


def test_a_link_is_replaced_and_not_followed(tmp_path):
    other = tmp_path / 'other.pth'
    other.write_bytes(b'precious')
    out = tmp_path / 'out.pth'
    out.symlink_to(other)
    write_weights({'a': torch.ones(2)}, out, True, 'timm')
    assert other.read_bytes() == b'precious'
    assert not out.is_symlink()


@pytest.mark.parametrize('name', ['out', 'out.bin', 'out.npz'])
def test_suffix_must_say_the_format(source, tmp_path, name):
    with pytest.raises(ValueError, match='the name must end in'):
        check_paths(source, tmp_path / name, False)


def test_folder_as_output(source, tmp_path):
    (tmp_path / 'out.pth').mkdir()
    with pytest.raises(ValueError, match='is a folder'):
        check_paths(source, tmp_path / 'out.pth', True)


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, suffix):
    out = tmp_path / f'out{suffix}'
    out.write_bytes(b'precious')
    # Sparse tensors cannot be cloned into a dense format: neither writer takes them.
    state = {'a': torch.ones(2), 'b': torch.eye(2).to_sparse()}
    with pytest.raises((RuntimeError, ValueError)):
        write_weights(state, out, True, 'timm')
    assert [p.name for p in tmp_path.iterdir()] == [out.name]
    assert out.read_bytes() == b'precious'


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path):
    out = tmp_path / 'out.safetensors'
    out.write_bytes(b'precious')
    with pytest.raises(ValueError, match='was created meanwhile'):
        write_weights({'a': torch.ones(2)}, out, False, 'timm')
    assert [p.name for p in tmp_path.iterdir()] == [out.name]
    assert out.read_bytes() == b'precious'


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth'])
def test_views_are_written_alone_and_readable_by_all(tmp_path, suffix):
    big = torch.zeros(1000, 1000)
    out = tmp_path / 'new' / f'out{suffix}'
    write_weights({'a': big[:1, :3].T, 'b': big[:1, :3]}, out, False, 'timm')
    assert out.stat().st_size < 5000
    assert load_weights(out)['a'].shape == (3, 1)
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~umask


def test_safetensors_says_where_it_is_from(tmp_path: Path):
    from safetensors import safe_open

    write_weights({'a': torch.ones(1)}, tmp_path / 'o.safetensors', False, 'MoCo v3')
    with safe_open(str(tmp_path / 'o.safetensors'), 'pt') as file:
        assert file.metadata() == {'format': 'pt', 'converted_from': 'MoCo v3'}


@pytest.fixture
def full_disk():
    """No file may grow beyond 64 kB, which libraries meet as they meet a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize('suffix', ['.safetensors', '.pth', '.pt'])
def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path, full_disk, suffix):
    out = tmp_path / f'out{suffix}'
    out.write_bytes(b'precious')
    state = {str(i): torch.randn(1000, 100) for i in range(10)}
    with pytest.raises(OSError, match=r'out.* could not be written: .*takes 4\.0 MB'):
        write_weights(state, out, True, 'timm')
    assert [p.name for p in tmp_path.iterdir()] == [out.name]
    assert out.read_bytes() == b'precious'
