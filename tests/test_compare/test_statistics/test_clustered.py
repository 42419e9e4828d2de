"""Resampled metrics against the plain ones, each resample written out."""

import numpy as np
import pytest

from cite.compare.statistics import clustered
from cite.compare.statistics.bootstrap import resample_clusters
from cite.compare.statistics.clustered import resampled_metrics
from cite.core.evaluation.metrics import SCORE_METRICS


@pytest.fixture
def patches(rng):
    """Return scores, labels and clusters of 400 patches of 30 patients."""
    clusters = rng.integers(30, size=400)
    labels = clusters % 3  # a patient may have slides of two classes
    labels = np.where(rng.uniform(size=400) < 0.2, (labels + 1) % 3, labels)
    logits = rng.normal(size=(400, 3)) + 1.2 * np.eye(3)[labels]
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return scores.round(2), labels, clusters  # rounded: ties


@pytest.mark.parametrize('name', SCORE_METRICS)
def test_a_resample_is_the_metric_of_its_items(name, patches):
    scores, labels, clusters = patches
    weights = resample_clusters(30, 20, seed=5)
    got = resampled_metrics([name], scores, labels, clusters, weights)[name]
    times = weights[:, clusters].astype(int)  # (R, N)
    written_out = [
        SCORE_METRICS[name](scores.repeat(t, 0), labels.repeat(t)) for t in times
    ]
    assert got == pytest.approx(written_out, rel=1e-5)


def test_coarse_ranks_stay_near_the_exact_area(patches, monkeypatch):
    scores, labels, clusters = patches
    monkeypatch.setattr(clustered, 'RANKS', 64)
    weights = resample_clusters(30, 20)
    got = resampled_metrics(['auroc'], scores, labels, clusters, weights)['auroc']
    times = weights[:, clusters].astype(int)  # (R, N)
    exact = [
        SCORE_METRICS['auroc'](scores.repeat(t, 0), labels.repeat(t)) for t in times
    ]
    assert got == pytest.approx(exact, abs=100 / 64)
    assert (got != exact).any()


def test_a_resample_without_a_metric_is_nan():
    scores, labels = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1])
    weights = np.array([[2.0, 0.0], [1.0, 1.0]])
    names = ['auroc', 'accuracy', 'kappa']
    got = resampled_metrics(names, scores, labels, np.array([0, 1]), weights)
    assert np.isnan(got['auroc'][0])
    assert got['auroc'][1] == 100
    assert np.isnan(got['kappa'][0])
    assert got['accuracy'].tolist() == [100, 100]


def test_an_unknown_metric_is_named(patches):
    with pytest.raises(ValueError, match='sensitivity'):
        resampled_metrics(['sensitivity'], *patches, np.ones((1, 30)))
