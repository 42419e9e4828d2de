import errno
import os

import pytest
import torch

from cite.core.runners.work_dir import link, save_checkpoint

MODEL = torch.nn.Linear(2, 1)


def save(path):
    save_checkpoint(MODEL, str(path), meta=dict(iter=3))


def test_checkpoint_is_written_whole_and_alone(tmp_path):
    save(tmp_path / 'iter_4.pth')
    assert os.listdir(tmp_path) == ['iter_4.pth']
    assert torch.load(tmp_path / 'iter_4.pth', weights_only=True)['meta']['iter'] == 3


def test_failed_write_keeps_the_checkpoint_before_it(tmp_path, monkeypatch):
    save(tmp_path / 'iter_4.pth')
    before = (tmp_path / 'iter_4.pth').read_bytes()

    def full_disk(descriptor):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full_disk)
    with pytest.raises(OSError, match=r'could not be written .*No space left'):
        save(tmp_path / 'iter_4.pth')
    assert os.listdir(tmp_path) == ['iter_4.pth']
    assert (tmp_path / 'iter_4.pth').read_bytes() == before


def test_latest_is_replaced_without_a_moment_of_absence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('iter_1.pth', 'iter_2.pth'):
        (tmp_path / name).write_text(name)
    link('iter_1.pth', 'latest.pth')
    seen = []

    def watched(call):
        def function(*args, **kwargs):
            call(*args, **kwargs)
            seen.append((tmp_path / 'latest.pth').read_text())

        return function

    for name in ('remove', 'unlink', 'rename', 'replace', 'symlink', 'link'):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    link('iter_2.pth', 'latest.pth')
    assert seen[0] == 'iter_1.pth'
    assert seen[-1] == 'iter_2.pth'
    assert sorted(os.listdir(tmp_path)) == ['iter_1.pth', 'iter_2.pth', 'latest.pth']
