"""A run that is interrupted and resumed ends in the bits of an unbroken one."""

import logging
import multiprocessing
import re
import shutil
import sys
from types import SimpleNamespace

import pytest
import torch
from commands import tool_words
from mmcls.core import EvalHook
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

from cite.core.files.weights import load_weights
from cite.core.runners.resuming import settle_seeding

ITERS = 12


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data') / 'slides')


@pytest.fixture(scope='module')
def whole(data, tmp_path_factory):
    """Folder of an unbroken run, with a checkpoint of every iteration."""
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

    assert multiprocessing.active_children() == []  # its workers have ended
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
    """What ``mim train`` starts with ``--resume-from``; ours with ``--auto-resume``."""
    folder = cut(10)
    cfg = config(data, folder)
    cfg.dump(str(folder / 'config.py'))
    mim = tool_words('train', folder / 'config.py')
    ours = [sys.executable, '-m', 'cite', 'train', folder / 'config.py']

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


def resumed_and_whole(data, folder, n, **changes):
    """Return all tensors of a run resumed after iteration n, and of an unbroken one."""
    tensors = []
    for name in ('whole', 'resumed'):
        cfg = config(data, folder / name, neck='NoisyNeck')
        cfg.merge_from_dict(changes)
        if name == 'resumed':
            cfg.resume_from = str(folder / f'whole/iter_{n}.pth')
        train(cfg)
        checkpoint = load_weights(folder / name / f'iter_{ITERS}.pth')
        optimizer = checkpoint.get('optimizer', {'state': {}})
        moments = {i: s.get('momentum_buffer') for i, s in optimizer['state'].items()}
        kept = {f'momentum {i}': m for i, m in moments.items() if m is not None}
        tensors.append({**checkpoint['state_dict'], **kept})
    return tensors


def test_moving_averages_go_on(data, tmp_path):
    ema = {'type': 'EMAHook', 'momentum': 0.1, 'warm_up': 1}
    resumed, whole = resumed_and_whole(data, tmp_path, 5, custom_hooks=[ema])

    averaged = whole['ema_neck_weight']
    assert not torch.equal(averaged, whole['neck.weight'])
    assert differences(resumed, whole) == []


def test_averages_that_a_checkpoint_lacks_are_said(data, whole, cut, caplog):
    cfg = config(data, cut(11))
    cfg.custom_hooks = [{'type': 'EMAHook'}]
    cfg.auto_resume = True

    train(cfg)

    assert re.search(r'lacks \d+ averages of EMAHook \(such as ema_\w+\)', caplog.text)


def test_emahooks_own_way_to_resume_goes_on_with_the_images_too(data, whole, tmp_path):
    cfg = config(data, tmp_path)
    cfg.custom_hooks = [{'type': 'EMAHook', 'resume_from': str(whole / 'iter_4.pth')}]
    train(cfg)

    ended = state(tmp_path)
    own = {name: value for name, value in ended.items() if not name.startswith('ema_')}
    assert differences(own, state(whole)) == []


def test_an_average_of_another_shape_is_refused(data, whole, cut):
    folder = cut(11)
    loaded = load_weights(folder / 'iter_11.pth')
    loaded['state_dict']['ema_neck_weight'] = torch.tensor(1.0)
    torch.save(loaded, folder / 'iter_11.pth')
    cfg = config(data, folder)
    cfg.custom_hooks = [{'type': 'EMAHook'}]
    cfg.auto_resume = True
    with pytest.raises(ValueError, match=r'ema_neck_weight of shape \(\)'):
        train(cfg)


@pytest.mark.parametrize(
    'messages',
    [
        {'best_score': 'high'},
        {'best_ckpt': [torch.Size([1])]},
        {1: 'one'},
    ],
)
def test_messages_that_no_run_has_noted_are_refused(data, cut, messages):
    folder = cut(11)
    loaded = load_weights(folder / 'iter_11.pth')
    loaded['meta']['hook_msgs'] = messages
    torch.save(loaded, folder / 'iter_11.pth')
    cfg = config(data, folder)
    cfg.auto_resume = True
    with pytest.raises(ValueError, match=r'latest\.pth: its hook_msgs hold'):
        train(cfg)


@pytest.mark.parametrize('noted', [True, False])
def test_a_run_goes_on_with_the_draws_that_it_began_with(data, tmp_path, noted):
    first = config(data, tmp_path / 'whole')
    first.data.train.seeding = 'v1'
    train(first)
    checkpoint = load_weights(tmp_path / 'whole/iter_4.pth')
    assert checkpoint['meta']['seeding'] == 'v1'
    if not noted:  # as in a checkpoint from before there was a choice
        del checkpoint['meta']['seeding']
    torch.save(checkpoint, tmp_path / 'start.pth')
    for name, seeding in ('resumed', 'v2'), ('other', 'v2'):
        cfg = config(data, tmp_path / name)
        cfg.data.train.seeding = seeding
        cfg.resume_from = str(tmp_path / 'start.pth') if name == 'resumed' else None
        train(cfg)

    whole = state(tmp_path / 'whole')
    assert differences(state(tmp_path / 'resumed'), whole) == []
    assert differences(state(tmp_path / 'other'), whole) != []


def test_data_sets_of_a_new_run_keep_their_own_draws(caplog):
    sets = [SimpleNamespace(seeding=name) for name in ('v1', 'v2')]
    runner = SimpleNamespace(meta={}, logger=logging.getLogger('cite.test'))
    loaders = [SimpleNamespace(dataset=data) for data in sets]
    with caplog.at_level('INFO'):
        settle_seeding(runner, loaders)
    assert [data.seeding for data in sets] == ['v1', 'v2']
    assert runner.meta == {'seeding': 'v1'}  # of the first, which trains
    assert 'resumed' not in caplog.text
    settle_seeding(runner, loaders)  # of a checkpoint with these notes
    assert [data.seeding for data in sets] == ['v1', 'v1']


def test_draws_of_a_later_version_are_refused(data, cut):
    folder = cut(11)
    loaded = load_weights(folder / 'iter_11.pth')
    loaded['meta']['seeding'] = 'v3'
    torch.save(loaded, folder / 'iter_11.pth')
    cfg = config(data, folder)
    cfg.auto_resume = True
    with pytest.raises(ValueError, match=r"seeding='v3', which this .*load_from"):
        train(cfg)


def test_the_state_of_another_optimizer_is_refused(data, cut):
    cfg = config(data, cut(11))
    cfg.auto_resume = True
    cfg.optimizer = {'type': 'Adam', 'lr': 0.001}
    with pytest.raises(ValueError, match=r'another optimizer than Adam.*load_from'):
        train(cfg)


def test_an_order_that_cannot_go_on_is_said(data, tmp_path, caplog):
    cfg = config(data, tmp_path, 2)
    cfg.data.train = {'type': 'RepeatDataset', 'times': 2, 'dataset': cfg.data.train}
    train(cfg)
    assert 'RepeatDataset is drawn by mmcls' in caplog.text


def test_what_was_evaluated_before_is_not_evaluated_again(data, tmp_path, monkeypatch):
    evaluated = []
    evaluate = EvalHook._do_evaluate

    def note(self, runner):
        evaluated.append(runner.iter + 1)
        evaluate(self, runner)

    monkeypatch.setattr(EvalHook, '_do_evaluate', note)
    changes = {'interval': 4, 'start': 4, 'save_best': 'accuracy', 'metric': 'accuracy'}
    resumed, whole = resumed_and_whole(data, tmp_path, 7, evaluation=changes)
    assert differences(resumed, whole) == []
    assert evaluated == [4, 8, 12, 8, 12]


SUMS = {'type': 'GradientCumulativeOptimizerHook', 'cumulative_iters': 3}


def test_sums_of_gradients_between_two_sums(data, tmp_path, caplog):
    resumed, whole = resumed_and_whole(
        data, tmp_path, 6, optimizer_config=SUMS, checkpoint_config={'interval': 3}
    )

    assert differences(resumed, whole) == []
    assert 'cumulative_iters' not in caplog.text


def test_sums_of_gradients_cut_in_the_middle_are_said(data, tmp_path, caplog):
    resumed, whole = resumed_and_whole(data, tmp_path, 5, optimizer_config=SUMS)

    assert differences(resumed, whole) != []
    assert caplog.text.count('checkpoint_config.interval=1 is not a multiple of') == 2
    assert caplog.text.count('after iteration 5, in the middle of a sum') == 1


@pytest.mark.parametrize('momentum', [0.9, 0.0])
def test_a_checkpoint_without_the_optimizer(data, tmp_path, caplog, momentum):
    """Loses nothing where the optimizer has no state, as in the paper's recipe."""
    changes = {
        'optimizer.momentum': momentum,
        'checkpoint_config.save_optimizer': False,
    }
    resumed, whole = resumed_and_whole(data, tmp_path, 5, **changes)

    lost = momentum > 0
    assert bool(differences(resumed, whole)) is lost
    said = [
        'checkpoint_config.save_optimizer=False: a run that resumes from',
        'iter_5.pth has no optimizer state',
    ]
    assert [caplog.text.count(text) for text in said] == [2 * lost, lost]


def test_the_scale_of_half_precision_goes_on(data, whole, cut):
    folder = cut(11)
    file = folder / 'iter_11.pth'
    checkpoint = torch.load(file)
    checkpoint['meta']['fp16'] = {'loss_scaler': {'scale': 64.0}}
    torch.save(checkpoint, file)
    cfg = config(data, folder)
    cfg.auto_resume = True

    train(cfg)

    meta = load_weights(folder / f'iter_{ITERS}.pth')['meta']
    assert meta['fp16'] == checkpoint['meta']['fp16']


def test_the_best_score_goes_on(data, whole, cut):
    """What is worse than the best before the cut takes no place."""
    folder = cut(4)
    file = folder / 'iter_4.pth'
    checkpoint = torch.load(file)
    best = folder / 'best_accuracy_iter_3.pth'
    best.touch()
    checkpoint['meta']['hook_msgs'] = {'best_score': 100.1, 'best_ckpt': str(best)}
    torch.save(checkpoint, file)
    cfg = config(data, folder)
    cfg.auto_resume = True
    cfg.evaluation.save_best = 'accuracy'

    train(cfg)

    assert [path.name for path in folder.glob('best*')] == ['best_accuracy_iter_3.pth']
    meta = load_weights(folder / f'iter_{ITERS}.pth')['meta']
    assert meta['hook_msgs']['best_score'] == 100.1
