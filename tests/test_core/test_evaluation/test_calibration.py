import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from cite.core.evaluation.calibration import (
    calibration_error,
    calibration_floor,
    negative_log_likelihood,
    reliability,
)


def test_error_by_hand():
    # Bins of width 1/2: confidences 0.6, 0.8 and 1.0 in the upper one, hits 1, 0, 1;
    # three classes put 0.4 into the lower one, a miss.
    scores = np.array([[0.6, 0.4, 0], [0.8, 0.2, 0], [0, 1, 0], [0.3, 0.3, 0.4]])
    labels = np.array([0, 1, 1, 0])
    error = calibration_error(scores, labels, bins=2)
    assert error == pytest.approx((abs(2 - 2.4) + abs(0 - 0.4)) / 4)
    curve = reliability(scores, labels, bins=2)
    assert curve.confidence == pytest.approx([0.4, 0.8])
    assert curve.accuracy == pytest.approx([0, 2 / 3])
    assert curve.share == pytest.approx([0.25, 0.75])


def test_curve_is_scikit_learns_for_the_confidence(rng):
    scores = rng.dirichlet([1, 1, 1], 500)
    labels = rng.integers(0, 3, 500)
    curve = reliability(scores, labels, bins=10)
    hit = scores.argmax(1) == labels
    share, confidence = calibration_curve(hit, scores.max(1), n_bins=10)
    filled = curve.share > 0
    assert curve.accuracy[filled] == pytest.approx(share)
    assert curve.confidence[filled] == pytest.approx(confidence)
    assert np.isnan(curve.accuracy[~filled]).all()


def test_few_items_push_the_error_up_as_the_docstring_says(rng):
    # Two classes with confidence between 0.5 and 0.6: two bins of 15 are filled.
    errors = []
    for _ in range(400):
        p = rng.uniform(0.5, 0.6, 300)
        hit = rng.uniform(size=300) < p
        scores = np.stack([p, 1 - p], 1)
        errors.append(calibration_error(scores, np.where(hit, 0, 1)))
    assert np.mean(errors) == pytest.approx(0.4 * np.sqrt(2 / 300), rel=0.15)


def test_a_certain_mistake_is_finite():
    scores = np.array([[1.0, 0.0]])
    assert negative_log_likelihood(scores, np.array([1])) == pytest.approx(
        -np.log(1e-12)
    )


def test_the_floor_is_what_calibrated_scores_get_by_chance(rng):
    logits = 2 * rng.normal(size=(300, 3))
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    errors = []
    for _ in range(300):
        # Labels drawn from the scores: perfectly calibrated.
        labels = (rng.uniform(size=(300, 1)) > scores.cumsum(1)).sum(1).clip(0, 2)
        errors.append(calibration_error(scores, labels))
    assert calibration_floor(scores) == pytest.approx(np.mean(errors), rel=0.08)


def test_bins_are_closed_above():
    # 0.5 is in the lower half: |0 - 0.5| and |1 - 0.75|, each of one of two items.
    scores, labels = np.array([[0.5, 0.5], [0.75, 0.25]]), np.array([1, 0])
    error = calibration_error(scores, labels, bins=2)
    assert error == pytest.approx((0.5 + 0.25) / 2)
