import numpy as np
import pytest
from scipy import stats

from cite.core.evaluation.bootstrap import bootstrap, interval, resample
from cite.core.evaluation.figures import FIGURES


def _scores(hits):
    """Return scores of two classes by which slides of class 0 are hits or not."""
    hits = np.asarray(hits, dtype=float)
    return np.stack([hits, 1 - hits], 1)


def test_slides_of_a_cluster_come_and_go_together():
    weights = resample(['p', 'q', 'p', 'r'], [0], 200).slides
    assert (weights[:, 0] == weights[:, 2]).all()
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()
    assert weights.std(0).min() > 0


def test_runs_of_a_draw_are_drawn_within_it():
    weights = resample(['s'], [0, 0, 1, 1, 1, 1], 500).runs
    first, second = weights[:, :2].sum(1), weights[:, 2:].sum(1)
    # A draw that is taken t times gives t times as many runs as it has.
    assert set(first) == {0, 2, 4}
    assert (first / 2 + second / 4 == 2).all()


def test_the_same_seed_gives_the_same_resamples():
    once, again = (resample(list('abcdef'), [0, 1, 1], 50, seed=3) for _ in range(2))
    assert (once.slides == again.slides).all()
    assert (once.runs == again.runs).all()
    assert (once.slides != resample(list('abcdef'), [0, 1, 1], 50, seed=4).slides).any()


def test_interval_of_an_accuracy_is_scipys(rng):
    hits = rng.uniform(size=200) < 0.7
    ids = [str(i) for i in range(200)]
    estimate, values = bootstrap(
        FIGURES['accuracy'], [_scores(hits)], np.zeros(200, int), resample(ids, [0])
    )
    got = interval(estimate, values)
    reference = stats.bootstrap(
        (100.0 * hits,), np.mean, n_resamples=2000, method='percentile'
    ).confidence_interval
    assert got.estimate == pytest.approx(100 * hits.mean())
    assert got.low == pytest.approx(reference.low, abs=1)
    assert got.high == pytest.approx(reference.high, abs=1)


def test_the_spread_over_draws_widens_the_interval(rng):
    labels = np.zeros(100, int)
    ids = [str(i) for i in range(100)]
    runs = [_scores(rng.uniform(size=100) < share) for share in (0.4, 0.6, 0.8)]
    _, together = bootstrap(FIGURES['accuracy'], runs, labels, resample(ids, [0, 1, 2]))
    _, alike = bootstrap(FIGURES['accuracy'], runs, labels, resample(ids, [0, 0, 0]))
    _, slides = bootstrap(FIGURES['accuracy'], runs[:1], labels, resample(ids, [0]))
    assert together.std() > 1.5 * slides.std()
    # Variance of the mean of three runs drawn from three, plus that of the slides.
    shares = np.array([r[:, 0].mean() for r in runs]) * 100
    assert together.std() >= np.sqrt(shares.var() / 3)
    assert alike.std() >= np.sqrt(shares.var() / 3)


def test_coverage_of_the_interval_is_near_its_level(rng):
    ids = [str(i) for i in range(120)]
    resamples = resample(ids, [0], 400)
    inside = 0
    for _ in range(300):
        hits = rng.uniform(size=120) < 0.75
        got = interval(
            *bootstrap(
                FIGURES['accuracy'], [_scores(hits)], np.zeros(120, int), resamples
            )
        )
        inside += got.low <= 75 <= got.high
    assert 0.90 <= inside / 300 <= 0.985


def test_resamples_without_a_value_are_left_out():
    got = interval(50.0, np.array([np.nan, 40.0, 60.0, np.nan]), level=0.5)
    assert got == pytest.approx((50, 45, 55))
    assert np.isnan(interval(50.0, np.array([np.nan])).low)
