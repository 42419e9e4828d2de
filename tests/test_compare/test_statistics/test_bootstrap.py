import numpy as np
import pytest
from scipy import stats

from cite.compare.statistics.bootstrap import (
    interval,
    over_runs,
    reflect,
    resample_clusters,
    resample_runs,
)
from cite.compare.statistics.clustered import resampled_metrics
from cite.core.evaluation.metrics import SCORE_METRICS


def _scores(hits):
    """Return scores of two classes by which slides of class 0 are hits or not."""
    hits = np.asarray(hits, dtype=float)
    return np.stack([hits, 1 - hits], 1)


def _accuracies(runs, draws, resamples=2000):
    """Return the resampled mean accuracy of runs on slides that are all of class 0."""
    number = len(runs[0])
    weights = resample_clusters(number, resamples)
    labels, slides = np.zeros(number, int), np.arange(number)
    values = [
        resampled_metrics(['accuracy'], run, labels, slides, weights)['accuracy']
        for run in runs
    ]
    return over_runs(np.stack(values), resample_runs(draws, resamples))


def test_as_many_clusters_are_drawn_as_there_are():
    weights = resample_clusters(3, 200)
    assert (weights.sum(1) == 3).all()
    assert weights.std(0).min() > 0


def test_runs_of_a_draw_are_drawn_within_it():
    weights = resample_runs([0, 0, 1, 1, 1, 1], 500)
    first, second = weights[:, :2].sum(1), weights[:, 2:].sum(1)
    # A draw that was resampled t times contributes t times its number of runs.
    assert set(first) == {0, 2, 4}
    assert (first / 2 + second / 4 == 2).all()


def test_runs_within_a_draw_are_drawn_with_replacement():
    weights = resample_runs([7, 7], 4000)
    # Two of two: both once in half of the resamples.
    assert (weights == 1).all(1).mean() == pytest.approx(0.5, abs=0.03)


def test_the_same_seed_gives_the_same_resamples():
    for draw in (resample_clusters, lambda n, r, seed: resample_runs([0] * n, r, seed)):
        assert (draw(6, 50, seed=3) == draw(6, 50, seed=3)).all()
        assert (draw(6, 50, seed=3) != draw(6, 50, seed=4)).any()


def test_runs_and_slides_are_drawn_apart():
    clusters = resample_clusters(6, 50, seed=3)
    runs = resample_runs([0] * 6, 50, seed=3)
    assert (clusters != runs).any()


def test_the_mean_over_runs_by_hand():
    values = np.array([[10.0, 20.0], [40.0, np.nan]])  # two runs, two resamples
    runs = np.array([[1.0, 1.0], [2.0, 0.0]])
    # A run that is not drawn does not matter, even where it has no value.
    assert over_runs(values, runs).tolist() == [25, 20]


def test_interval_of_an_accuracy_is_scipys(rng):
    hits = rng.uniform(size=200) < 0.7
    got = interval(100 * hits.mean(), _accuracies([_scores(hits)], [0]))
    reference = stats.bootstrap(
        (100.0 * hits,), np.mean, n_resamples=2000, method='percentile'
    ).confidence_interval
    assert got.low == pytest.approx(reference.low, abs=1)
    assert got.high == pytest.approx(reference.high, abs=1)


def test_the_spread_over_draws_widens_the_interval(rng):
    runs = [_scores(rng.uniform(size=100) < share) for share in (0.4, 0.6, 0.8)]
    together = _accuracies(runs, [0, 1, 2])
    alike = _accuracies(runs, [0, 0, 0])
    slides = _accuracies(runs[:1], [0])
    assert together.std() > 1.5 * slides.std()
    # Variance of the mean of three runs drawn from three, plus that of the slides.
    shares = np.array([r[:, 0].mean() for r in runs]) * 100
    assert together.std() >= np.sqrt(shares.var() / 3)
    assert alike.std() >= np.sqrt(shares.var() / 3)


def test_coverage_of_the_interval_is_near_its_level(rng):
    inside = 0
    for _ in range(300):
        hits = rng.uniform(size=120) < 0.75
        values = _accuracies([_scores(hits)], [0], 400)
        got = interval(100 * hits.mean(), values)
        inside += got.low <= 75 <= got.high
    assert 0.90 <= inside / 300 <= 0.985


def test_resamples_without_a_value_are_left_out():
    got = interval(50.0, np.array([np.nan, 40.0, 60.0, np.nan]), level=0.5)
    assert got == pytest.approx((50, 45, 55))
    assert np.isnan(interval(50.0, np.array([np.nan])).low)


def _overconfident(rng, number):
    """Draw slides of three classes and scores 1.3 times as sharp as the true ones."""
    labels = rng.integers(3, size=number)
    logits = 1.3 * 1.3 * (rng.normal(size=(number, 3)) + 1.3 * np.eye(3)[labels])
    scores = np.exp(logits - logits.max(1, keepdims=True))
    return scores / scores.sum(1, keepdims=True), labels


def test_mirrored_intervals_hold_the_calibration_error_where_others_do_not(rng):
    truth = SCORE_METRICS['ece'](*_overconfident(rng, 500_000))
    assert truth == pytest.approx(5.4, abs=0.2)
    weights = resample_clusters(150, 300)
    inside = {'percentile': 0, 'basic': 0}
    for _ in range(150):
        scores, labels = _overconfident(rng, 150)
        estimate = SCORE_METRICS['ece'](scores, labels)
        slides = np.arange(150)
        values = resampled_metrics(['ece'], scores, labels, slides, weights)['ece']
        for name, used in (
            ('percentile', values),
            ('basic', reflect(estimate, values)),
        ):
            got = interval(estimate, used)
            inside[name] += got.low <= truth <= got.high
    assert inside['percentile'] / 150 < 0.3
    assert inside['basic'] / 150 > 0.8
