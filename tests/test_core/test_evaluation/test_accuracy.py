import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, recall_score

from cite.core.evaluation.confusion import accuracy, class_accuracy, mean_accuracy


def random_case(seed, num_patches=200, num_classes=4):
    rng = np.random.default_rng(seed)
    scores = rng.dirichlet(np.ones(num_classes), num_patches)
    return scores, rng.choice(num_classes, num_patches, p=[0.6, 0.2, 0.15, 0.05])


@pytest.mark.parametrize('seed', range(5))
def test_against_scikit_learn(seed):
    scores, labels = random_case(seed)
    predictions = scores.argmax(1)

    assert accuracy(scores, labels) == pytest.approx(
        100 * accuracy_score(labels, predictions)
    )
    assert mean_accuracy(scores, labels) == pytest.approx(
        100 * balanced_accuracy_score(labels, predictions)
    )
    np.testing.assert_allclose(
        class_accuracy(scores, labels),
        100 * recall_score(labels, predictions, average=None),
    )


def test_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1])
    scores = np.eye(2)[[0, 0, 0, 1, 1, 0]]

    assert accuracy(scores, labels) == pytest.approx(400 / 6)
    assert class_accuracy(scores, labels).tolist() == [75, 50]
    assert mean_accuracy(scores, labels) == 62.5


def test_a_tie_goes_to_the_first_class():
    scores = np.array([[0.5, 0.5], [0.5, 0.5]])

    assert class_accuracy(scores, np.array([0, 1])).tolist() == [100, 0]


def test_a_class_without_members_is_left_out_of_the_mean():
    scores, labels = np.eye(3)[[0, 2, 1]], np.array([0, 2, 2])

    values = class_accuracy(scores, labels)

    assert np.isnan(values[1])
    assert values[[0, 2]].tolist() == [100, 50]
    assert mean_accuracy(scores, labels) == 75


def test_python_floats():
    scores, labels = random_case(0)

    assert type(accuracy(scores, labels)) is float
    assert type(mean_accuracy(scores, labels)) is float
