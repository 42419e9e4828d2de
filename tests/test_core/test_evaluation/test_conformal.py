"""Conformal quantiles and sets against numbers worked out by hand."""

import numpy as np
import pytest

from cite.core.evaluation.conformal import (
    conformal_quantile,
    prediction_sets,
    worst_of_groups,
)


@pytest.mark.parametrize(
    ('n', 'alpha', 'rank'),
    [
        (9, 0.1, 9),  # (9 + 1) * 0.9 = 9, and not the tenth by rounding
        (19, 0.1, 18),
        (20, 0.1, 19),  # 18.9
        (99, 0.05, 95),
        (3, 0.5, 2),
        (8, 0.1, None),  # 8 < 1 / 0.1 - 1
        (0, 0.1, None),
        (18, 0.05, None),
        (19, 0.05, 19),
    ],
)
def test_the_rank(n, alpha, rank):
    values = np.random.default_rng(0).permutation(n) + 1.0  # 1 to n
    assert conformal_quantile(values, alpha) == (None if rank is None else rank)


@pytest.mark.parametrize('alpha', [0, 1, -1, 2, float('nan')])
def test_an_impossible_alpha(alpha):
    with pytest.raises(ValueError, match='between 0 and 1'):
        conformal_quantile(np.ones(3), alpha)


def test_sets():
    scores = np.array([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25]])
    expected = [[True, False, False], [True, True, False]]
    assert prediction_sets(scores, 0.65).tolist() == expected
    assert prediction_sets(scores, None).all()
    assert not prediction_sets(scores, 0.1).any()


def test_patients():
    values = np.array([0.1, 0.9, 0.3, 0.2])
    groups = np.array(['b', 'a', 'b', 'a'])
    assert worst_of_groups(values, groups).tolist() == [0.9, 0.3]


def test_coverage_is_kept():
    """Of 4,000 draws, new items are covered in at least 1 - alpha on average."""
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(4000):
        values = rng.random(20)
        quantile = conformal_quantile(values[:19], 0.2)
        hits.append(values[19] <= quantile)
    # Exactly 0.8 is expected for 19: (19 + 1) * 0.8 = 16 of 20.
    assert np.mean(hits) == pytest.approx(0.8, abs=0.02)
