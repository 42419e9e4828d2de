"""Intervals and p-values against scipy and hand-worked numbers."""

import numpy as np
import pytest
from scipy import stats

from cite.compare.statistics.interval import Variance, half_width, p_value, variance


def _means_without(items):
    """Return the mean of items (J, C) without each of the C."""
    return (items.sum(1, keepdims=True) - items) / (items.shape[1] - 1)


def test_of_one_draw_it_is_students_interval_over_patients(rng):
    items = rng.normal(3, 2, size=(1, 12))
    of = variance(items.mean(1), _means_without(items))
    low, high = stats.t.interval(0.95, 11, loc=items.mean(), scale=stats.sem(items[0]))
    assert items.mean() + half_width(of) == pytest.approx(high)
    assert items.mean() - half_width(of) == pytest.approx(low)
    expected = stats.ttest_1samp(items[0], 0).pvalue
    assert p_value(items.mean(), of) == pytest.approx(max(expected, 2**-11), rel=1e-6)


def test_without_a_difference_between_patients_it_is_students_over_draws(rng):
    values = rng.normal(1, 1, size=6)
    of = variance(values, np.repeat(values[:, None], 40, 1))
    assert of.patients == pytest.approx(0, abs=1e-20)
    low, high = stats.t.interval(0.95, 5, loc=values.mean(), scale=stats.sem(values))
    assert values.mean() + half_width(of) == pytest.approx(high)
    assert values.mean() - half_width(of) == pytest.approx(low)
    expected = stats.ttest_1samp(values, 0).pvalue
    assert p_value(values.mean(), of) == pytest.approx(expected, rel=1e-6)


def test_parts_are_those_of_two_way_clustering(rng):
    """Cameron, Gelbach and Miller: rows, columns and cells, each with its factor."""
    items = rng.normal(size=(5, 9)) + rng.normal(size=(5, 1)) + rng.normal(size=9)
    of = variance(items.mean(1), _means_without(items))
    assert of.patients == pytest.approx(items.mean(0).var(ddof=1) / 9)
    assert of.draws == pytest.approx(items.mean(1).var(ddof=1) / 5)
    # What rows and columns do not explain: the residual of an analysis of variance.
    rest = items - items.mean(0) - items.mean(1, keepdims=True) + items.mean()
    assert of.both == pytest.approx((rest**2).sum() / (4 * 8) / (5 * 9))


def test_two_parts_by_hand():
    # t is 2.2621572 at 9 degrees of freedom and 2.7764451 at 4; of the draws' 3 remain
    # 3 - 3 / 5 * 2 = 1.8.
    of = Variance(4.0, 3.0, 2.0, number_of_patients=10, number_of_draws=5)
    expected = np.sqrt(2.2621572**2 * 4 + 2.7764451**2 * 1.8)
    assert half_width(of) == pytest.approx(expected, rel=1e-7)
    assert p_value(expected, of) == pytest.approx(0.05, rel=1e-6)
    assert p_value(-expected, of) == pytest.approx(0.05, rel=1e-6)
    # Less between draws than the patients' part explains: none is left.
    assert half_width(of._replace(draws=1.0)) == pytest.approx(2.2621572 * 2, rel=1e-7)


def test_draws_that_share_slides_count_less():
    # Nadeau and Bengio: 1 / J + overlap / (1 - overlap), here 1/2 + 1/3.
    values, without = np.array([1.0, 3.0]), np.array([[1.0] * 4, [3.0] * 4])
    assert variance(values, without).draws == pytest.approx(2 / 2)
    assert variance(values, without, 0.25).draws == pytest.approx(2 * (1 / 2 + 1 / 3))


def test_p_value_is_never_below_an_exact_sign_tests():
    """All ten patients agree to the digit: a test of signs says 2 in 1024."""
    same = Variance(0.0, 0.0, 0.0, number_of_patients=10, number_of_draws=1)
    assert p_value(100.0, same) == stats.binomtest(10, 10).pvalue
    near = same._replace(patients=1e-9)
    assert p_value(100.0, near) == stats.binomtest(10, 10).pvalue
    assert p_value(0.0, same) == 1


@pytest.mark.parametrize('p', [0.9, 0.3, 0.01, 1e-6])
def test_p_value_is_where_the_interval_ends(p):
    of = Variance(4.0, 3.0, 2.0, number_of_patients=300, number_of_draws=5)
    assert p_value(float(half_width(of, 1 - p)), of) == pytest.approx(p, rel=1e-4)
