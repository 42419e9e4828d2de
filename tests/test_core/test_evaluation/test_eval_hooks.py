import logging
import sys

import pytest
from mmcls import apis
from mmcv.runner import IterBasedRunner
from torch import nn
from torch.utils.data import DataLoader

from cite.core.evaluation.eval_hooks import DistEvalHook, EvalHook
from cite.datasets import PatchGastricCls3


class Rehearsal(nn.Module):
    """A model that fails its test as soon as it is asked anything."""

    def train_step(self, *args, **kwargs):
        raise AssertionError('the training began')

    def forward(self, *args, **kwargs):
        raise AssertionError('the test began')


@pytest.fixture
def data(tmp_path):
    (tmp_path / 'ann.txt').write_text('a_1.jpg 0\nb_1.jpg 1\nc_1.jpg 2\n')
    file = str(tmp_path / 'ann.txt')
    dataset = PatchGastricCls3(ann_file=file, data_prefix='', pipeline=[dict])
    return DataLoader(dataset, collate_fn=_as_mmcls)


def _as_mmcls(items):
    return {'img': items, 'img_metas': None}


def start(hook, data, folder):
    logger = logging.getLogger('rehearsal')
    runner = IterBasedRunner(Rehearsal(), max_iters=1, logger=logger, work_dir=folder)
    runner.register_hook(hook)
    runner.run([data], [('train', 1)])


@pytest.mark.parametrize('hook', [EvalHook, DistEvalHook])
@pytest.mark.parametrize('metric', ['bag_acuracy', ['accuracy', 'bag_acuracy']])
def test_a_mistyped_metric_is_known_before_the_training(data, tmp_path, hook, metric):
    wrong = hook(data, by_epoch=False, metric=metric)
    with pytest.raises(ValueError, match="unknown metric 'bag_acuracy'; known are"):
        start(wrong, data, str(tmp_path))


@pytest.mark.parametrize('words', [{}, {'metric': ['accuracy', 'bag_class_accuracy']}])
def test_metrics_that_exist_let_the_training_begin(data, tmp_path, words):
    with pytest.raises(AssertionError, match='the training began'):
        start(EvalHook(data, by_epoch=False, **words), data, str(tmp_path))


@pytest.mark.parametrize('command', [apis.single_gpu_test, apis.multi_gpu_test])
def test_a_mistyped_metric_of_the_test_command_is_known_before_the_first_patch(
    data, monkeypatch, command
):
    arguments = ['test.py', 'config.py', 'latest.pth', '--metrics', 'bag_acuracy']
    monkeypatch.setattr(sys, 'argv', arguments)
    with pytest.raises(ValueError, match="unknown metric 'bag_acuracy'; known are"):
        command(Rehearsal(), data)


@pytest.mark.parametrize(
    'arguments', [[], ['--metrics', 'accuracy', '--out', 'bag_acuracy.json']]
)
def test_the_test_command_begins_where_metrics_exist(data, monkeypatch, arguments):
    monkeypatch.setattr(sys, 'argv', ['test.py', *arguments])
    with pytest.raises(AssertionError, match='the test began'):
        apis.single_gpu_test(Rehearsal(), data)
