"""The same classes in another order are refused wherever two places name them."""

import pytest
from tiny_compare import write_comparison
from tiny_training import config, make_data, train
from torch import nn

from cite.apis.check import Options, check_config
from cite.apis.class_order import check_class_order, check_run, classes_of_config
from cite.compare.plan.plan import make_plan
from cite.datasets import PatchGastricCls3

NAMES = ['a', 'b', 'c']


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data') / 'slides')


def test_one_order_other_order_other_names():
    assert check_class_order(('x', NAMES), ('y', tuple(NAMES))) is None
    with pytest.raises(ValueError, match=r"x has \['a', 'b', 'c'\], y has \['c'"):
        check_class_order(('x', NAMES), ('y', NAMES[::-1]))
    assert 'other class names' in check_class_order(
        ('x', NAMES), ('y', ['a', 'b', 'd'])
    )

    # Other capital letters or blanks make no other class.
    with pytest.raises(ValueError, match='another order'):
        check_class_order(
            ('x', ['Tumor', 'Caf\xe9 a']), ('y', ['Cafe\u0301\xa0a', 'tumor'])
        )
    assert check_class_order(('x', ['Tumor', 'b']), ('y', ['tumor', 'b']))


def model(**places):
    classifier = nn.Module()
    classifier.head = nn.Module()
    classifier.head.text_classes = places.get('texts')
    classifier.trained_classes = places.get('checkpoint')
    return classifier


@pytest.mark.parametrize('place', ['texts', 'checkpoint'])
def test_a_run_compares_texts_and_checkpoint(place):
    named = [('data.test', NAMES)]
    check_run(model(**{place: NAMES}), named)
    check_run(model(**{place: [str(i) for i in range(1000)]}), named)  # ImageNet's
    with pytest.raises(ValueError, match=place):
        check_run(model(**{place: ('b', 'a', 'c')}), named)
    with pytest.warns(UserWarning, match='other class names'):
        check_run(model(**{place: ['1', '2', '3']}), named)


@pytest.mark.parametrize('part', ['val', 'test'])
def test_training_and_the_check_compare_the_data_sets(data, tmp_path, part):
    cfg = config(data, tmp_path / 'run', 1)
    for name in ('train', 'val', 'test'):
        cfg.data[name].classes = NAMES
    cfg.data[part].classes = ['c', 'b', 'a']
    with pytest.raises(ValueError, match=rf'another order: data.train.*data.{part}'):
        train(cfg)
    cfg.dump(str(tmp_path / 'config.py'))
    report = check_config(str(tmp_path / 'config.py'), Options(decode=False, workers=0))
    assert [p.where for p in report.problems if p.kind == 'class order'] == [
        f'data.{part}.classes'
    ]


def test_files_of_classes_and_texts_have_an_order_too(tmp_path):
    (tmp_path / 'texts.yml').write_text('b: two\na: one\n')
    (tmp_path / 'classes.txt').write_text('a\nb\n')
    (tmp_path / 'classes.yml').write_text('b:\na:\n')
    kind = 'PatchGastricCls3'
    train_set = {'type': kind, 'classes': str(tmp_path / 'classes.txt')}
    val_set = {'type': kind, 'classes': str(tmp_path / 'classes.yml')}
    cfg = {
        'data': {
            'train': {'type': 'RepeatDataset', 'times': 2, 'dataset': train_set},
            'val': [val_set],
        },
        'model': {'head': {'texts': str(tmp_path / 'texts.yml')}},
    }
    assert [*classes_of_config(cfg)] == [
        ('data.train.classes', ['a', 'b']),
        ('data.val.classes', ['b', 'a']),
        ('model.head.texts', ['b', 'a']),
    ]


def test_a_checkpoint_s_classes_are_compared_in_training(data, tmp_path):
    cfg = config(data, tmp_path / 'run', 1)
    cfg.checkpoint_config = {'interval': 1, 'meta': {'CLASSES': NAMES}}
    for name in ('train', 'val', 'test'):
        cfg.data[name].classes = NAMES
    train(cfg)
    for name in ('train', 'val', 'test'):
        cfg.data[name].classes = ['b', 'c', 'a']
    cfg.load_from = str(tmp_path / 'run' / 'latest.pth')
    cfg.work_dir = str(tmp_path / 'other')
    with pytest.raises(ValueError, match=r'another order: data\.train.*the checkpoint'):
        train(cfg)


def test_a_comparison_compares_its_methods_classes(data, tmp_path):
    names = [*PatchGastricCls3.CLASSES]  # those of the methods' configs
    make_plan(write_comparison(data, tmp_path, classes=names, draws=0))
    path = write_comparison(data, tmp_path, classes=names[::-1], draws=0)
    with pytest.raises(ValueError, match=r'compare\.py: classes.*data\.train\.classes'):
        make_plan(path)
