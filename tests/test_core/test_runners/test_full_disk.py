"""The disk fills up while a checkpoint is written: said, and nothing lost."""

import re
import shutil
from pathlib import Path

import full_disk
import pytest
from tiny_training import config, differences, make_data, state, train


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte of its own."""
    with full_disk.small_disk(tmp_path / 'disk', '1m') as folder:
        yield folder


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data') / 'slides')


def test_a_full_disk_costs_nothing_that_was_written(data, small_disk, tmp_path):
    train(config(data, tmp_path / 'whole'))
    folder = small_disk / 'run'
    cfg = config(data, folder)
    cfg.auto_resume = True
    folder.mkdir()
    # All but what about three and a half checkpoints need is taken.
    size = (tmp_path / 'whole/iter_1.pth').stat().st_size
    ballast = small_disk / 'ballast'
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(bytes(free - int(3.5 * size)))

    with pytest.raises(
        OSError, match=r'could not be written \(No space left'
    ) as caught:
        train(cfg)

    failed = int(re.fullmatch(r'iter_(\d+)\.pth', Path(caught.value.filename).name)[1])
    assert failed > 1
    written = [f'iter_{n}.pth' for n in range(1, failed)]
    assert sorted(p.name for p in folder.glob('*.pth*')) == [*written, 'latest.pth']
    assert (folder / 'latest.pth').resolve().name == written[-1]
    last, there = state(folder, failed - 1), state(tmp_path / 'whole', failed - 1)
    assert differences(last, there) == []
    ballast.unlink()
    train(cfg)
    assert differences(state(folder), state(tmp_path / 'whole')) == []
