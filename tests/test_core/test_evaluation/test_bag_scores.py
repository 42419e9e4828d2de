import numpy as np
import pandas as pd
import pytest

from cite.core.evaluation.scores import bag_scores


def test_by_hand_with_the_patches_of_slides_interleaved():
    scores = np.array([[0.2, 0.8], [1, 0], [0.6, 0.4], [0, 1]])
    labels = np.array([1, 0, 1, 0])
    bags = np.array(['z', 'a', 'z', 'a'])

    means, bag_labels, names = bag_scores(scores, labels, bags)

    assert names.tolist() == ['a', 'z']
    assert bag_labels.tolist() == [0, 1]
    np.testing.assert_allclose(means, [[0.5, 0.5], [0.4, 0.6]])


def test_against_pandas():
    rng = np.random.default_rng(0)
    bags = rng.choice(['slide1', 'slide10', 'slide2', 'b'], 500)
    scores = rng.dirichlet(np.ones(3), 500).astype(np.float32)

    means, _, names = bag_scores(scores, np.zeros(500, int), bags)

    expected = pd.DataFrame(scores.astype(float)).groupby(bags).mean()
    np.testing.assert_allclose(means, expected.loc[names], rtol=1e-12)


def test_half_precision_scores_are_summed_in_double():
    scores = np.full((5000, 1), 0.1, np.float16)

    means, _, _ = bag_scores(scores, np.zeros(5000, int), np.zeros(5000))

    assert means[0, 0] == pytest.approx(float(np.float16(0.1)), rel=1e-12)


def test_a_slide_with_two_labels_is_an_error():
    with pytest.raises(ValueError, match='slide b carry the labels 1 and 0'):
        bag_scores(np.ones((3, 2)), np.array([0, 1, 0]), np.array(['a', 'b', 'b']))
