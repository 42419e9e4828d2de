import numpy as np
import pytest

from cite.core.evaluation.metrics import (
    SCORE_METRICS,
    check_metrics,
    compute_metrics,
)
from cite.core.evaluation.scores import bag_scores

# Slide a of class 0 is right in two patches of three and right by its mean; b of class
# 0 is wrong in both; c of class 1 is right in one of two but wrong by its mean.
SCORES = np.array(
    [[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.3, 0.7], [0.4, 0.6], [1, 0]]
)
LABELS = np.array([0, 0, 0, 0, 0, 1, 1])
BAGS = np.array(['a', 'a', 'a', 'b', 'b', 'c', 'c'])
EXPECTED = {
    'accuracy': {'accuracy': 300 / 7},
    'class_accuracy': {'accuracy_0': 40, 'accuracy_1': 50, 'mean_accuracy': 45},
    'mean_accuracy': {'mean_accuracy': 45},
    'bag_accuracy': {'bag_accuracy': 100 / 3},
    'bag_class_accuracy': {
        'bag_accuracy_0': 50,
        'bag_accuracy_1': 0,
        'mean_bag_accuracy': 25,
    },
    'mean_bag_accuracy': {'mean_bag_accuracy': 25},
}


@pytest.mark.parametrize('name', EXPECTED)
def test_keys_and_values_by_hand(name):
    values = compute_metrics([name], SCORES, LABELS, BAGS)

    assert values == pytest.approx(EXPECTED[name])
    assert list(values) == list(EXPECTED[name])
    assert all(type(value) is float for value in values.values())


def test_several_metrics_at_once():
    values = compute_metrics(list(EXPECTED), SCORES, LABELS, BAGS)

    assert values == pytest.approx(
        {k: v for e in EXPECTED.values() for k, v in e.items()}
    )


def test_a_class_without_slides_has_no_key():
    scores = np.insert(SCORES, 1, 0, axis=1)  # the classes are now 0 and 2

    values = compute_metrics(
        ['class_accuracy', 'bag_class_accuracy'], scores, LABELS * 2, BAGS
    )

    assert values == pytest.approx(
        {
            'accuracy_0': 40,
            'accuracy_2': 50,
            'mean_accuracy': 45,
            'bag_accuracy_0': 50,
            'bag_accuracy_2': 0,
            'mean_bag_accuracy': 25,
        }
    )


def test_an_unknown_metric_lists_the_known():
    with pytest.raises(
        ValueError, match=r"'bag_acc'; known are accuracy, class_accura"
    ):
        check_metrics(['accuracy', 'bag_acc'])


@pytest.mark.parametrize('name', ['f1', 'auroc', 'kappa', 'ece', 'nll'])
def test_score_metrics_of_patches_and_of_slides(name):
    values = compute_metrics([name, f'bag_{name}'], SCORES, LABELS, BAGS)

    slides, labels, _ = bag_scores(SCORES, LABELS, BAGS)
    assert values[name] == pytest.approx(SCORE_METRICS[name](SCORES, LABELS))
    assert values[f'bag_{name}'] == pytest.approx(SCORE_METRICS[name](slides, labels))
    assert all(type(value) is float for value in values.values())
