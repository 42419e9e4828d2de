import logging
import sys

import numpy as np
import pytest
from mmcls import apis
from mmcv.runner import IterBasedRunner
from torch import nn
from torch.utils.data import DataLoader

from cite.core.evaluation.eval_hooks import (
    DistEvalHook,
    EvalHook,
    check_evaluation,
)
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


@pytest.mark.parametrize('options', [{'topk': 5}, {'topk': (1, 5)}, {'thrs': 0.5}])
def test_options_that_our_metrics_do_not_have_are_refused(
    data, tmp_path, monkeypatch, options
):
    hook = EvalHook(data, by_epoch=False, metric='accuracy', metric_options=options)
    with pytest.raises(ValueError, match=r'metric_options=.* has no effect'):
        start(hook, data, str(tmp_path))
    (key, value), *_ = options.items()
    pair = f'{key}={value}'.replace(' ', '')
    arguments = ['test.py', 'c.py', '--metrics', 'accuracy', '--metric-options', pair]
    monkeypatch.setattr(sys, 'argv', arguments)
    with pytest.raises(ValueError, match=f'metric_options=.*{key}.* has no effect'):
        apis.single_gpu_test(Rehearsal(), data)
    with pytest.raises(ValueError, match='has no effect'):
        data.dataset.evaluate([np.eye(3)[0]] * 3, metric_options=options)


@pytest.mark.parametrize('options', [{'topk': 1}, {'topk': (1,)}, {}, None])
def test_options_that_say_what_is_computed_are_taken(data, tmp_path, options):
    hook = EvalHook(data, by_epoch=False, metric='accuracy', metric_options=options)
    with pytest.raises(AssertionError, match='the training began'):
        start(hook, data, str(tmp_path))


@pytest.mark.parametrize(
    ('settings', 'warning'),
    [
        ({'interval': 2}, 'evaluation.interval is 2'),
        ({'interval': 1, 'start': 3}, 'evaluation.start is 3'),
        ({'interval': 1}, ''),
        ({'interval': 5, 'start': 0}, ''),
    ],
)
def test_a_run_that_is_never_evaluated_says_so(
    data, tmp_path, caplog, settings, warning
):
    """It has one iteration; mmcv evaluates first after ``interval`` or ``start``."""
    hook = EvalHook(data, by_epoch=False, **settings)
    with pytest.raises(AssertionError, match='the training began'):
        start(hook, data, str(tmp_path))
    said = [r.getMessage() for r in caplog.records if 'never evaluated' in r.message]
    assert len(said) == bool(warning)
    assert warning in ''.join(said)


@pytest.mark.parametrize(
    ('evaluation', 'message'),
    [
        (None, 'evaluation is None; .*--no-validate'),
        ({'save_best': True}, "save_best is True; .* 'auto'"),
        ({'save_best': ['bag_f1']}, 'give the name of a value'),
        ({'metric': None}, 'metric is None; give the name of a metric'),
        ({'metric': ['accuracy', 1]}, 'give the name of a metric, or a list'),
    ],
)
def test_values_of_another_type_are_refused(evaluation, message):
    with pytest.raises(ValueError, match=message):
        check_evaluation(evaluation)
    check_evaluation({'save_best': None, 'metric': ['accuracy'], 'interval': 1})
    check_evaluation({})
