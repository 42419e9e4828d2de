"""A run that is cut and resumed ends in the bits of one that was never cut."""

import shutil
import sys

import pytest
from tiny_training import (
    config,
    differences,
    logged,
    make_data,
    run_command,
    state,
    train,
    train_until_stopped,
)

ITERS = 12


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data') / 'slides')


@pytest.fixture(scope='module')
def whole(data, tmp_path_factory):
    """Folder of a run that was never cut, with a checkpoint of every iteration."""
    folder = tmp_path_factory.mktemp('whole')
    train(config(data, folder))
    return folder


@pytest.fixture
def cut(whole, tmp_path):
    """Return a function that lays out the folder of the run as if killed after n."""

    def lay_out(n):
        shutil.copy(whole / f'iter_{n}.pth', tmp_path)
        (tmp_path / 'latest.pth').symlink_to(f'iter_{n}.pth')
        return tmp_path

    return lay_out


def test_the_run_has_what_can_go_wrong(whole):
    first, last = state(whole, 1), state(whole)
    changed = {name.split('.')[0] for name in differences(first, last)}
    assert changed >= {'backbone', 'neck', 'head', 'momentum 0', 'rate 0'}
    assert bool(first['backbone.prompt_initialized'])
    assert len(set(logged(whole, 'loss').values())) == ITERS


@pytest.mark.parametrize('workers', [0, 1, 3])
@pytest.mark.parametrize('n', [1, 4, 11])
def test_resumed_run_ends_in_the_same_bits(data, whole, cut, n, workers):
    folder = cut(n)
    cfg = config(data, folder)
    cfg.data.workers_per_gpu = workers
    cfg.resume_from = str(folder / 'latest.pth')

    train(cfg, seed=5)  # the checkpoint's seed counts

    assert differences(state(folder), state(whole)) == []
    losses = logged(whole, 'loss')
    assert logged(folder, 'loss') == {i: losses[i] for i in range(n + 1, ITERS + 1)}


def test_cut_twice_without_a_seed_it_keeps_the_first_seed(data, whole, cut):
    folder = cut(3)
    cfg = config(data, folder)
    cfg.auto_resume = True

    train_until_stopped(cfg, 7, seed=None)
    train(cfg, seed=None)

    assert differences(state(folder), state(whole)) == []


def test_one_switch_starts_and_goes_on(data, whole, tmp_path):
    cfg = config(data, tmp_path)
    cfg.auto_resume = True
    train_until_stopped(cfg, 5)
    assert (tmp_path / 'latest.pth').resolve().name == 'iter_5.pth'
    (tmp_path / 'iter_1.pth').unlink()

    train(cfg)

    assert not (tmp_path / 'iter_1.pth').exists()  # it did not start over
    assert differences(state(tmp_path), state(whole)) == []


def test_a_finished_run_is_left_as_it_is(data, whole, cut):
    folder = cut(ITERS)
    before = (folder / f'iter_{ITERS}.pth').read_bytes()
    cfg = config(data, folder)
    cfg.auto_resume = True

    train(cfg)

    assert (folder / f'iter_{ITERS}.pth').read_bytes() == before
    assert (folder / 'latest.pth').resolve().name == f'iter_{ITERS}.pth'
    assert sorted(p.name for p in folder.glob('*.pth')) == ['iter_12.pth', 'latest.pth']


def test_the_commands_resume(data, whole, cut):
    """``mim train`` with ``--resume-from``, and our command with ``--auto-resume``."""
    folder = cut(10)
    cfg = config(data, folder)
    cfg.dump(str(folder / 'config.py'))
    mim = ['mim', 'train', 'mmcls', folder / 'config.py', '--gpus', 0]
    ours = [sys.executable, '-m', 'cite', 'train', folder / 'config.py']
    mim[0] = shutil.which('mim', path=sys.exec_prefix + '/bin')

    for command in (
        [*mim, '--resume-from', folder / 'latest.pth'],
        [*ours, '--auto-resume', '--cfg-options', 'data.workers_per_gpu=1'],
    ):
        for file in folder.glob('*.pth'):
            file.unlink()
        cut(10)
        printed = run_command(*command)
        assert 'at iteration 11' in printed
        assert differences(state(folder), state(whole)) == []
