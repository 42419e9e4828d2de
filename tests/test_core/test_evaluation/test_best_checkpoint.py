from types import SimpleNamespace

import pytest
from mmcv.fileio import FileClient
from torch.utils.data import DataLoader

from cite.core.evaluation.eval_hooks import EvalHook


class Runner(SimpleNamespace):
    """Writes its checkpoint, or fails to, and notes what was there meanwhile."""

    iter = 7
    broken = False

    def save_checkpoint(self, folder, filename_tmpl, **_):
        self.there = sorted(path.name for path in self.folder.glob('*.pth'))
        if self.broken:
            raise OSError('No space left on device')
        (self.folder / filename_tmpl).touch()


@pytest.fixture
def hook(tmp_path):
    old = tmp_path / 'best_accuracy_iter_4.pth'
    old.touch()
    hook = EvalHook(DataLoader([0]), by_epoch=False, save_best='accuracy')
    hook.out_dir, hook.file_client = str(tmp_path), FileClient('disk')
    hook.best_ckpt_path = str(old)
    return hook


@pytest.fixture
def runner(tmp_path):
    meta = {'hook_msgs': {'best_score': 50.0}}
    logger = SimpleNamespace(info=lambda text: None)
    return Runner(folder=tmp_path, meta=meta, logger=logger)


def names(folder):
    return [path.name for path in folder.glob('*.pth')]


def test_the_old_best_is_there_until_the_new_one_is_written(hook, runner, tmp_path):
    hook._save_ckpt(runner, 60.0)

    assert runner.there == ['best_accuracy_iter_4.pth']
    assert names(tmp_path) == ['best_accuracy_iter_8.pth']


def test_a_failed_write_costs_no_best_checkpoint(hook, runner, tmp_path):
    runner.broken = True

    with pytest.raises(OSError, match='No space'):
        hook._save_ckpt(runner, 60.0)

    assert names(tmp_path) == ['best_accuracy_iter_4.pth']


def test_a_worse_score_changes_nothing(hook, runner, tmp_path):
    hook._save_ckpt(runner, 40.0)

    assert names(tmp_path) == ['best_accuracy_iter_4.pth']
    assert hook.best_ckpt_path == str(tmp_path / 'best_accuracy_iter_4.pth')


@pytest.mark.parametrize(
    'name', ['precious.txt', 'best_of_mine.pth', 'other/best_accuracy_iter_4.pth']
)
def test_a_file_that_no_run_wrote_there_stays(hook, runner, tmp_path, name):
    precious = tmp_path / name
    precious.parent.mkdir(exist_ok=True)
    precious.write_text('mine')
    hook.best_ckpt_path = str(precious)  # as a checkpoint that was resumed may say

    hook._save_ckpt(runner, 60.0)

    assert precious.read_text() == 'mine'
    assert (tmp_path / 'best_accuracy_iter_8.pth').exists()
