import numpy as np
import pytest

from cite.core.evaluation.scores import stack_scores

CLASSES = ['benign', 'malignant']


@pytest.mark.parametrize('shape', [(2,), (1, 2)])
def test_one_row_per_patch(shape):
    results = [np.full(shape, i) for i in range(3)]

    assert stack_scores(results, 3, CLASSES).tolist() == [[0, 0], [1, 1], [2, 2]]


def test_another_number_of_patches():
    with pytest.raises(ValueError, match='2 results for 3 patches'):
        stack_scores([np.zeros(2)] * 2, 3, CLASSES)


def test_another_number_of_classes():
    with pytest.raises(ValueError, match=r'scores 3 classes, .* 2: benign, malignant'):
        stack_scores([np.zeros(3)] * 4, 4, CLASSES)


def test_scores_that_are_not_numbers():
    results = [np.zeros(2), np.array([np.nan, 0]), np.array([0, -np.inf])]

    with pytest.raises(ValueError, match=r'2 of 3 patches are NaN or .*: result 1\)'):
        stack_scores(results, 3, CLASSES)
