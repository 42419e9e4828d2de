"""A loss that is not finite stops the run before good weights are lost."""

import math

import pytest
import torch
from mmcls.models import NECKS
from mmcv.runner import HOOKS, Hook
from tiny_training import (
    config,
    differences,
    make_data,
    state,
    train,
)
from two_ranks import check_losses, run_two_ranks

from cite.models.necks import ProjectionNeck


@NECKS.register_module()
class BreakingNeck(ProjectionNeck):
    """Return nan from one training batch on, as an overflow in half precision does."""

    healthy = 5

    def forward(self, x):
        x = super().forward(x)
        if self.training:
            self.healthy -= 1
        return x * math.nan if self.healthy < 0 else x


@HOOKS.register_module()
class LazyLog(Hook):
    """Leave the loss a tensor, as a model that does not wait for the GPU does."""

    def after_train_iter(self, runner):
        runner.outputs['log_vars'] = {'loss': runner.outputs['loss'].detach()}


@HOOKS.register_module()
class SpoilWeights(Hook):
    """Break weights but not the loss, as an infinite gradient of a finite loss does."""

    def after_train_iter(self, runner):
        if runner.iter + 1 == 6:
            runner.model.neck.weight.data[0, 0] = math.inf


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data') / 'slides')


@pytest.fixture(scope='module')
def healthy(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp('healthy')
    train(config(data, folder, neck='ProjectionNeck'))
    return folder


def breaking(data, folder, neck='BreakingNeck', *hooks):
    cfg = config(data, folder, neck=neck)
    cfg.checkpoint_config = {'interval': 2, 'max_keep_ckpts': 1}
    cfg.evaluation.interval = 100
    cfg.custom_hooks = list(hooks)
    return cfg


def check_last(folder, healthy, n):
    """Check that only the n-th checkpoint exists and equals the healthy run's."""
    assert sorted(p.name for p in folder.glob('*.pth')) == [
        f'iter_{n}.pth',
        'latest.pth',
    ]
    assert (folder / 'latest.pth').resolve() == folder / f'iter_{n}.pth'
    assert differences(state(folder, n), state(healthy, n)) == []


def test_it_stops_at_once_and_names_iteration_checkpoint_and_causes(
    data, healthy, tmp_path
):
    with pytest.raises(FloatingPointError) as caught:
        train(breaking(data, tmp_path))

    text = str(caught.value)
    assert 'not finite at iteration 6.' in text
    assert f'{tmp_path}/iter_4.pth' in text
    assert 'learning rate' in text
    check_last(tmp_path, healthy, 4)


def test_a_loss_that_stays_on_the_device_is_noted_and_never_saved(
    data, healthy, tmp_path
):
    lazy = {'type': 'LazyLog', 'priority': 'HIGHEST'}
    hook = {'type': 'FiniteLossHook', 'priority': 'HIGH', 'interval': 7}

    # A checkpoint is due at 6, before the loss is checked.
    with pytest.raises(FloatingPointError, match=r'iter_6\.pth was not written'):
        train(breaking(data, tmp_path, 'BreakingNeck', lazy, hook))
    check_last(tmp_path, healthy, 4)


def test_noted_on_the_device_it_names_the_first_iteration(data, tmp_path):
    lazy = {'type': 'LazyLog', 'priority': 'HIGHEST'}
    hook = {'type': 'FiniteLossHook', 'priority': 'HIGH', 'interval': 8}
    cfg = breaking(data, tmp_path, 'BreakingNeck', lazy, hook)
    cfg.checkpoint_config.interval = 100

    with pytest.raises(FloatingPointError, match=r'at iteration 6\. No checkpoint'):
        train(cfg)


def test_broken_weights_of_a_finite_loss_are_not_written(data, healthy, tmp_path):
    spoil = {'type': 'SpoilWeights', 'priority': 45}  # after the step, before the save

    with pytest.raises(
        FloatingPointError, match=r'neck\.weight is not finite any more'
    ):
        train(breaking(data, tmp_path, 'ProjectionNeck', spoil))
    check_last(tmp_path, healthy, 4)


def test_one_rank_s_fault_stops_them_all(tmp_path):
    run_two_ranks(check_losses, tmp_path)

    errors = [path.read_text() for path in tmp_path.glob('error of *')]
    assert len(errors) == 2
    assert all('not finite at iteration 1.' in text for text in errors)


def test_a_healthy_run_is_not_touched(healthy):
    weights = torch.load(healthy / 'latest.pth', map_location='cpu')['state_dict']
    assert all(w.isfinite().all() for w in weights.values() if w.is_floating_point())
