"""``evaluation.save_best``: which value it means, and which way is better."""

import logging

import numpy as np
import pytest
from mmcv.runner import IterBasedRunner
from torch import nn
from torch.utils.data import DataLoader

from cite.core.evaluation.eval_hooks import DistEvalHook, EvalHook
from cite.core.evaluation.metrics import METRICS
from cite.datasets import PatchGastricCls3

_NAMES = ('nll', 'ece', 'ece_debiased')
SMALLER_IS_BETTER = {*_NAMES, *(f'bag_{name}' for name in _NAMES)}


class Untrained(nn.Module):
    def train_step(self, *args, **kwargs):
        raise AssertionError('the training began')


def loader(folder, lines='a_1.jpg 0\nb_1.jpg 1\nc_1.jpg 2\n'):
    (folder / 'ann.txt').write_text(lines)
    dataset = PatchGastricCls3(
        ann_file=str(folder / 'ann.txt'), data_prefix='', pipeline=[dict]
    )
    return DataLoader(dataset, collate_fn=list)


def start(data, folder, **settings):
    """Build the hook and start a run; return the hook once the training begins."""
    hook = settings.pop('kind', EvalHook)(data, by_epoch=False, **settings)
    logger = logging.getLogger('untrained')
    runner = IterBasedRunner(
        Untrained(), max_iters=1, logger=logger, work_dir=str(folder), meta={}
    )
    runner.register_hook(hook)
    with pytest.raises(AssertionError, match='the training began'):
        runner.run([data], [('train', 1)])
    return hook


@pytest.mark.parametrize('kind', [EvalHook, DistEvalHook])
@pytest.mark.parametrize('metric', METRICS)
def test_each_metric_can_be_chosen_and_knows_which_way_is_better(
    tmp_path, metric, kind
):
    data = loader(tmp_path)
    rng = np.random.default_rng(0)
    values = data.dataset.evaluate(list(rng.dirichlet(np.ones(3), 3)), metric)
    for name in values:
        hook = start(data, tmp_path, kind=kind, metric=[metric], save_best=name)
        better = 'less' if name in SMALLER_IS_BETTER else 'greater'
        assert (hook.rule, hook.key_indicator) == (better, name)


@pytest.mark.parametrize(
    ('metric', 'key'),
    [
        (['bag_class_accuracy', 'accuracy'], 'mean_bag_accuracy'),  # not one class's
        (['bag_nll', 'accuracy'], 'bag_nll'),
        ('bag_kappa', 'bag_kappa'),
    ],
)
def test_auto_is_the_first_value_over_all_classes(tmp_path, metric, key):
    hook = start(loader(tmp_path), tmp_path, metric=metric, save_best='auto')
    assert hook.key_indicator == key
    assert hook.rule == ('less' if key == 'bag_nll' else 'greater')


@pytest.mark.parametrize(
    ('settings', 'words'),
    [
        ({'metric': ['bag_f1'], 'save_best': 'bag_auroc'}, 'gives bag_f1 on these'),
        ({'metric': ['bag_f1'], 'save_best': 'bag_fl'}, "Did you mean 'bag_f1'"),
        ({'metric': [], 'save_best': 'auto'}, 'gives'),
        ({'metric': 'nll', 'save_best': 'nll', 'rule': 'greater'}, 'keeps the worst'),
        ({'save_best': 'bag_accuracy'}, 'gives mean_bag_accuracy on these data'),
    ],
)
def test_what_cannot_be_saved_is_refused_before_the_training(tmp_path, settings, words):
    with pytest.raises(ValueError, match=words):
        start(loader(tmp_path), tmp_path, **settings)


def test_a_class_that_the_evaluation_lacks_has_no_accuracy(tmp_path):
    data = loader(tmp_path, 'a_1.jpg 0\nc_1.jpg 2\n')
    metric = ['bag_class_accuracy']
    start(data, tmp_path, metric=metric, save_best='bag_accuracy_2')
    with pytest.raises(ValueError, match='gives bag_accuracy_0, bag_accuracy_2, mean'):
        start(data, tmp_path, metric=metric, save_best='bag_accuracy_1')


def test_a_curve_of_one_class_is_not_defined(tmp_path):
    data = loader(tmp_path, 'a_1.jpg 0\nc_1.jpg 0\n')
    with pytest.raises(ValueError, match='not defined where all patches are of one'):
        start(data, tmp_path, metric='auroc', save_best='auroc')


def test_a_misspelt_setting_of_the_evaluation_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"'metrics'\. Did you mean 'metric'"):
        start(loader(tmp_path), tmp_path, metrics=['accuracy'])


def test_settings_of_the_hook_mean_nothing_to_the_data_set(tmp_path):
    """mmcls' eval_metric passes all of a config's `evaluation`."""
    dataset = loader(tmp_path).dataset
    scores = list(np.eye(3))
    settings = {'by_epoch': False, 'out_dir': 'x', 'less_keys': ['loss']}
    assert dataset.evaluate(scores, 'accuracy', **settings) == {'accuracy': 100}
    with pytest.raises(TypeError, match=r"'by_epochs'\. Did you mean 'by_epoch'"):
        dataset.evaluate(scores, 'accuracy', by_epochs=False)
