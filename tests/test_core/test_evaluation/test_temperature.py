"""Temperatures against scikit-learn, scipy and numbers worked out by hand."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from cite.core.evaluation.temperature import fit_temperature, soften


def test_by_hand():
    scores = np.array([[0.8, 0.2], [0.9, 0.1]])
    np.testing.assert_allclose(soften(scores, 1), scores)
    # The square root of 0.8 / 0.2 is 2, of 0.9 / 0.1 it is 3.
    np.testing.assert_allclose(soften(scores, 2), [[2 / 3, 1 / 3], [3 / 4, 1 / 4]])
    np.testing.assert_allclose(soften(scores, 0.5)[0], [16 / 17, 1 / 17])


def test_three_of_four_right_at_one_confidence():
    """All say 0.9; three of four are right, so that 0.75 is honest: T = 2."""
    scores = np.array([[0.9, 0.1]] * 4)
    assert fit_temperature(scores, np.array([0, 0, 0, 1])) == pytest.approx(2, rel=1e-4)


def test_logistic_regression_finds_the_same():
    """Of two classes it is a logistic regression with one weight, 1 / T."""
    rng = np.random.default_rng(0)
    logit = rng.normal(size=300) * 3
    labels = (rng.random(300) < 1 / (1 + np.exp(-logit / 2.5))).astype(int)
    scores = softmax(np.stack([0 * logit, logit], 1), 1)
    model = LogisticRegression(C=1e9, fit_intercept=False, tol=1e-10)
    weight = model.fit(logit[:, None], labels).coef_[0, 0]
    found = fit_temperature(scores, labels)
    assert found == pytest.approx(1 / weight, rel=1e-3)
    losses = [log_loss(labels, soften(scores, t)) for t in np.linspace(0.5, 6, 200)]
    assert log_loss(labels, soften(scores, found)) <= min(losses) + 1e-9


def test_the_ends():
    right = np.array([[0.9, 0.1]] * 5)
    assert fit_temperature(right, np.zeros(5, int)) == pytest.approx(0.05, rel=1e-3)
    assert fit_temperature(right, np.ones(5, int)) == pytest.approx(20, rel=1e-3)
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])  # 0 has no logarithm
    assert np.isfinite(fit_temperature(sure, np.array([1, 1])))
    with pytest.raises(ValueError, match='no item'):
        fit_temperature(right[:0], np.zeros(0, int))
