import numpy as np
import pytest

from cite.core.evaluation.calibration import (
    calibration_error,
    debiased_calibration_error,
)


def test_by_hand():
    # One bin, confidence 0.9: hits 1, 1, 0, 0 are 0.4 below it on average. Variance of
    # hits 1/3, so the square is 0.16 - 1/12.
    scores = np.tile([0.9, 0.1], (4, 1))
    labels = np.array([0, 0, 1, 1])
    expected = np.sqrt(0.16 - 1 / 12)
    assert debiased_calibration_error(scores, labels) == pytest.approx(expected)


def test_bins_count_by_their_items():
    # A second bin, confidence 0.6: 0.4 too low, without variance; a third of one item.
    scores = np.array([[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 2 + [[0.75, 0.25]])
    labels = np.array([0, 0, 1, 1, 0, 0, 0])
    expected = np.sqrt((4 * (0.16 - 1 / 12) + 2 * 0.16) / 6)
    assert debiased_calibration_error(scores, labels) == pytest.approx(expected)


def test_its_square_is_right_on_average_where_the_plain_error_is_not():
    rng = np.random.default_rng(0)
    squares, plain = [], []
    for _ in range(2000):
        high = rng.uniform(size=40) < 0.5
        confidence = np.where(high, 0.97, 0.7)
        right = rng.uniform(size=40) < confidence - 0.1  # 10 points too confident
        scores = np.stack([confidence, 1 - confidence], 1)
        squares.append(debiased_calibration_error(scores, (~right).astype(int)) ** 2)
        plain.append(calibration_error(scores, (~right).astype(int)))
    # The square is cut at 0, which raises its mean a little.
    assert np.mean(squares) == pytest.approx(0.01, abs=0.003)
    assert np.mean(plain) > 0.105


def test_chance_alone_is_mostly_zero_and_single_items_say_nothing():
    scores = np.tile([0.75, 0.25], (8, 1))
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])  # 75 % are right
    assert debiased_calibration_error(scores, labels) == 0
    assert np.isnan(debiased_calibration_error(scores[:1], labels[:1]))
