import numpy as np
import pytest
from scipy import stats

from cite.compare.statistics.bootstrap import holm, paired_p_value, resample_clusters
from cite.compare.statistics.clustered import resampled_metrics


def _accuracies(hits, weights):
    """Return the resampled accuracy on slides that are all of class 0."""
    hits = np.asarray(hits, dtype=float)
    scores, slides = np.stack([hits, 1 - hits], 1), np.arange(len(hits))
    labels = np.zeros(len(hits), int)
    return resampled_metrics(['accuracy'], scores, labels, slides, weights)['accuracy']


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04; never
    # below the one before.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_p_value_by_hand():
    difference = np.array([1.0] * 97 + [-1.0, 0.0, np.nan])
    assert paired_p_value(difference, 40) == pytest.approx(2 * 3 / 100)
    assert paired_p_value(np.zeros(9), 40) == 1
    assert paired_p_value(np.array([np.nan]), 40) == 1


def test_p_value_is_near_the_sign_tests(rng):
    # 200 slides: A alone is right on 30, B alone on 14. McNemar's exact test asks the
    # same question.
    a = np.zeros(200)
    b = np.zeros(200)
    a[:130], b[:100], b[130:144] = 1, 1, 1
    weights = resample_clusters(200, 20000)
    values = [_accuracies(hits, weights) for hits in (a, b)]
    p = paired_p_value(values[0] - values[1], 200)
    assert p == pytest.approx(stats.binomtest(14, 44).pvalue, abs=0.012)


def test_no_difference_is_rarely_significant(rng):
    weights = resample_clusters(100, 400)
    significant = 0
    for _ in range(200):
        values = [_accuracies(rng.uniform(size=100) < 0.7, weights) for _ in range(2)]
        significant += paired_p_value(values[0] - values[1], 100) <= 0.05
    assert significant / 200 < 0.1


def test_few_patients_cannot_be_significant(rng):
    """All five favour one method: the test of signs says 2 in 32."""
    difference = np.full(1999, 3.0)
    assert paired_p_value(difference, 5) == stats.binomtest(5, 5).pvalue == 0.0625
    assert paired_p_value(difference, 6) == stats.binomtest(6, 6).pvalue
    assert paired_p_value(difference, 12) == pytest.approx(2 / 2000)


def test_the_bootstrap_alone_claims_too_much_of_few_patients(rng):
    weights = resample_clusters(5, 400)  # (R, 5)
    differences = rng.normal(size=(400, 5)) @ weights.T / 5  # no method is better
    alone = np.mean([paired_p_value(d, 40) <= 0.05 for d in differences])
    assert alone > 0.1
    assert not any(paired_p_value(d, 5) <= 0.05 for d in differences)
