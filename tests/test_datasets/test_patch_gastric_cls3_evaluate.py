import logging

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from cite.datasets import PatchGastricCls3

CLASSES = ['one', 'two', 'three']


@pytest.fixture
def build(tmp_path):
    """Return a function that builds a data set without images."""

    def build(lines, **arguments):
        path = tmp_path / 'ann.txt'
        path.write_text(''.join(f'{name} {label}\n' for name, label in lines))
        return PatchGastricCls3(
            data_prefix='',
            pipeline=[],
            ann_file=str(path),
            classes=CLASSES,
            **arguments,
        )

    return build


@pytest.fixture
def case(build):
    """30 slides of uneven size, their patches shuffled, with scores for each patch."""
    rng = np.random.default_rng(0)
    lines = [(f's{s}_{p}.jpg', s % 3) for s in range(30) for p in range(s % 7 + 1)]
    lines = [lines[i] for i in rng.permutation(len(lines))]
    return build(lines), list(rng.dirichlet(np.ones(3), len(lines)).astype(np.float32))


def by_slide(dataset, results):
    """Return label and predicted class of each slide, by loops."""
    slides = {}
    for info, scores in zip(dataset.data_infos, results):
        slides.setdefault(info['bag'], (int(info['gt_label']), []))[1].append(scores)
    labels = [label for label, _ in slides.values()]
    return labels, [int(np.mean(s, axis=0).argmax()) for _, s in slides.values()]


def test_against_scikit_learn(case):
    dataset, results = case
    labels, predictions = dataset.get_gt_labels(), np.argmax(results, axis=1)
    bag_labels, bag_predictions = by_slide(dataset, results)

    values = dataset.evaluate(
        results, ['accuracy', 'mean_accuracy', 'bag_accuracy', 'mean_bag_accuracy']
    )

    assert values == pytest.approx(
        {
            'accuracy': 100 * accuracy_score(labels, predictions),
            'mean_accuracy': 100 * balanced_accuracy_score(labels, predictions),
            'bag_accuracy': 100 * accuracy_score(bag_labels, bag_predictions),
            'mean_bag_accuracy': 100
            * balanced_accuracy_score(bag_labels, bag_predictions),
        }
    )
    assert 0 < values['bag_accuracy'] < 100


def test_the_default_is_the_mean_over_classes_of_slide_accuracy(case):
    dataset, results = case

    values = dataset.evaluate(results)

    assert values == dataset.evaluate(results, metric=['mean_bag_accuracy'])
    assert list(values) == ['mean_bag_accuracy']


def test_indices_align_slides_as_well(case):
    dataset, results = case
    chosen = np.random.default_rng(1).permutation(len(dataset))[:40].tolist()
    kept = [dataset.data_infos[i] for i in chosen]

    values = dataset.evaluate(
        [results[i] for i in chosen], ['accuracy', 'bag_accuracy'], indices=chosen
    )

    dataset.data_infos = kept
    expected = dataset.evaluate(
        [results[i] for i in chosen], ['accuracy', 'bag_accuracy']
    )
    assert values == expected
    assert values != dataset.evaluate(results[:40], ['accuracy', 'bag_accuracy'])


@pytest.mark.parametrize('logger', [None, logging.getLogger('evaluation')])
def test_a_class_without_slides_is_said_and_left_out(build, logger, caplog, capsys):
    dataset = build([('a_0.jpg', 0), ('b_0.jpg', 2), ('c_0.jpg', 2)])
    results = np.eye(3)[[0, 2, 1]]

    values = dataset.evaluate(
        results, ['class_accuracy', 'bag_class_accuracy'], logger=logger
    )

    said = capsys.readouterr().out + caplog.text
    assert said.count('no patch, hence no slide, of class 1 (two)') == 1
    assert values == {
        'accuracy_0': 100,
        'accuracy_2': 50,
        'mean_accuracy': 75,
        'bag_accuracy_0': 100,
        'bag_accuracy_2': 50,
        'mean_bag_accuracy': 75,
    }


def test_an_unknown_metric_lists_the_known(case):
    dataset, results = case

    with pytest.raises(ValueError, match=r"'auc'; known are .*mean_bag_accuracy"):
        dataset.evaluate(results, metric=['accuracy', 'auc'])


def test_results_of_another_data_set(case):
    dataset, results = case

    with pytest.raises(
        ValueError, match=f'{len(results) - 1} results for {len(results)}'
    ):
        dataset.evaluate(results[:-1])


def test_values_are_python_floats_as_mmcls_prints_them(case):
    dataset, results = case

    values = dataset.evaluate(
        results, ['accuracy', 'class_accuracy'], metric_options={'topk': (1,)}
    )

    assert {type(value) for value in values.values()} == {float}
