"""Metrics without a patient against the plain ones, each data set written out."""

import numpy as np
import pytest

from cite.compare.statistics.leave_out import leave_out
from cite.core.evaluation.metrics import BIASED, SCORE_METRICS

NAMES = [name for name in SCORE_METRICS if name not in BIASED]


@pytest.fixture
def patches(rng):
    """Return scores, labels and clusters of 400 patches of 30 patients."""
    clusters = rng.integers(30, size=400)
    labels = clusters % 3  # a patient may have slides of two classes
    labels = np.where(rng.uniform(size=400) < 0.2, (labels + 1) % 3, labels)
    logits = rng.normal(size=(400, 3)) + 1.2 * np.eye(3)[labels]
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return scores.round(2), labels, clusters  # rounded: ties


@pytest.mark.parametrize('name', NAMES)
def test_it_is_the_metric_of_the_other_patients_items(name, patches):
    scores, labels, clusters = patches
    got = leave_out([name], scores, labels, clusters, 30)[name]
    kept = [clusters != patient for patient in range(30)]
    written_out = [SCORE_METRICS[name](scores[k], labels[k]) for k in kept]
    assert got == pytest.approx(written_out, rel=1e-9)


def test_a_metric_that_needs_the_patient_is_nan():
    scores, labels = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]), np.array([0, 1, 0])
    names = ['auroc', 'accuracy', 'kappa']
    got = leave_out(names, scores, labels, np.arange(3), 3)
    assert np.isnan(got['auroc'][1])
    assert got['auroc'][[0, 2]].tolist() == [100, 100]
    assert np.isnan(got['kappa'][1])
    assert got['accuracy'].tolist() == [100, 100, 100]


def test_a_binned_metric_is_refused(patches):
    with pytest.raises(ValueError, match='ece'):
        leave_out(['ece'], *patches, 30)
