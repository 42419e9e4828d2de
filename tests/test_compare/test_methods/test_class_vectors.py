"""Class vectors of the controls: what each keeps, and what it loses."""

import math

import numpy as np
import pytest

from cite.compare.methods.class_vectors import (
    KINDS,
    check_similarity,
    contrast,
    control_vectors,
    derangement,
    gram,
    matched_temperature,
    random_rotation,
    similar_vectors,
)

TEXTS = np.random.default_rng(0).normal(size=(4, 16)) + 1


def test_a_rotation_keeps_every_length_and_angle():
    q = random_rotation(16, np.random.default_rng(1))
    np.testing.assert_allclose(q.T @ q, np.eye(16), atol=1e-12)
    turned = control_vectors('rotated', TEXTS, (0, 1))
    np.testing.assert_allclose(turned @ turned.T, TEXTS @ TEXTS.T, atol=1e-10)
    assert np.abs(turned - TEXTS).max() > 0.5


def test_rotations_are_spread_evenly():
    """An entry of a random orthogonal matrix has mean 0 and variance 1 / D."""
    rng = np.random.default_rng(2)
    entries = np.array([random_rotation(3, rng) for _ in range(4000)])
    np.testing.assert_allclose(entries.mean(0), 0, atol=0.05)
    np.testing.assert_allclose((entries**2).mean(0), 1 / 3, atol=0.03)


def test_permuted_texts_are_the_same_ones_in_other_places():
    dealt = control_vectors('permuted', TEXTS, (3, 1))
    place = [int(np.flatnonzero((row == TEXTS).all(1))[0]) for row in dealt]
    assert sorted(place) == [0, 1, 2, 3]
    assert all(place[k] != k for k in range(4))


def test_derangements_of_three_are_the_two_cycles():
    rng = np.random.default_rng(0)
    drawn = {tuple(derangement(3, rng)) for _ in range(50)}
    assert drawn == {(1, 2, 0), (2, 0, 1)}
    with pytest.raises(ValueError, match='one class'):
        derangement(1, rng)


@pytest.mark.parametrize('kind', KINDS)
def test_each_run_has_its_own_vectors_and_always_the_same(kind):
    first = control_vectors(kind, TEXTS, (0, 1, 0))
    np.testing.assert_array_equal(first, control_vectors(kind, TEXTS, (0, 1, 0)))
    others = [control_vectors(kind, TEXTS, seed) for seed in ((1, 1, 0), (0, 2, 0))]
    if kind != 'permuted':  # there are few derangements
        assert all(np.abs(first - other).max() > 0.1 for other in others)


def test_contrast_and_matched_temperature_by_hand():
    # Unit vectors with cosines 0.6, 0, 0.8: squared distances 0.8, 2, 0.4, mean 16/15.
    vectors = np.array([[2, 0], [0.6, 0.8], [0, 5]])
    expected = np.array([[1, 0.6, 0], [0.6, 1, 0.8], [0, 0.8, 1]])
    np.testing.assert_allclose(gram(vectors), expected, atol=1e-12)
    assert contrast(vectors) == pytest.approx(math.sqrt(16 / 15))
    assert contrast(np.eye(3)) == pytest.approx(math.sqrt(2))
    # Contrast of right angles is sqrt(2): factor 100 * sqrt(16 / 30) = 73.0297.
    matched = matched_temperature(math.log(100), vectors, np.eye(3))
    assert math.exp(matched) == pytest.approx(73.0297, abs=1e-4)


def test_vectors_have_the_cosines_that_are_asked_for():
    arc = [[1, math.cos(0.5), math.cos(1)], [math.cos(0.5), 1, math.cos(0.5)]]
    arc.append([math.cos(1), math.cos(0.5), 1])
    for width in (2, 3, 10):  # an arc lies in a plane
        vectors = similar_vectors(arc, width, (0, 0, 0))
        assert vectors.shape == (3, width)
        np.testing.assert_allclose(vectors @ vectors.T, arc, atol=1e-6)
    with pytest.raises(ValueError, match='no 3 vectors of width 2'):
        similar_vectors(np.eye(3).tolist(), 2, (0, 0, 0))


@pytest.mark.parametrize(
    ('matrix', 'message'),
    [
        ('arc', 'K lists of K numbers'),
        ([[1, 0]], 'K lists of K numbers'),
        ([[1, 0.5], [0.4, 1]], 'not symmetric'),
        ([[1, float('nan')], [0.4, 1]], 'not symmetric'),
        ([[2, 0], [0, 2]], 'diagonal is not 1'),
        ([[1, 0.9, 0], [0.9, 1, 0.9], [0, 0.9, 1]], 'no vectors have'),
    ],
)
def test_a_matrix_that_cannot_be_is_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        check_similarity(matrix)
