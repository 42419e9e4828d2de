"""The metrics that a comparison reports, against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics as sk

from cite.core.evaluation.confusion import confusion
from cite.core.evaluation.metrics import BIASED, SCORE_METRICS


def _auroc(labels, scores):
    areas = [
        sk.roc_auc_score(labels == k, scores[:, k]) for k in range(scores.shape[1])
    ]
    return 100 * np.mean(areas)


REFERENCES = {
    'accuracy': lambda y, s: 100 * sk.accuracy_score(y, s.argmax(1)),
    'mean_accuracy': lambda y, s: 100 * sk.balanced_accuracy_score(y, s.argmax(1)),
    'f1': lambda y, s: 100 * sk.f1_score(y, s.argmax(1), average='macro'),
    'auroc': _auroc,
    'kappa': lambda y, s: (
        100 * sk.cohen_kappa_score(y, s.argmax(1), weights='quadratic')
    ),
    'nll': lambda y, s: sk.log_loss(y, s),
}


@pytest.mark.parametrize('name', [name for name in SCORE_METRICS if name not in BIASED])
def test_scikit_learn_agrees(name, scored):
    scores, labels = scored
    value = SCORE_METRICS[name](scores, labels)
    assert type(value) is float
    assert value == pytest.approx(REFERENCES[name](labels, scores))


def test_confusion_is_scikit_learns(scored):
    scores, labels = scored
    expected = sk.confusion_matrix(labels, scores.argmax(1))
    assert confusion(scores, labels).tolist() == expected.tolist()


def test_classes_that_are_absent_are_left_out():
    # Classes 0 and 2 of three; class 1 is never predicted.
    scores = np.array([[0.8, 0, 0.2], [0.3, 0, 0.7], [0.1, 0, 0.9], [0.4, 0, 0.6]])
    labels = np.array([0, 0, 2, 2])
    values = {name: SCORE_METRICS[name](scores, labels) for name in SCORE_METRICS}
    assert values['mean_accuracy'] == pytest.approx(75)  # 1/2 and 2/2
    assert values['f1'] == pytest.approx(100 * (2 / 3 + 4 / 5) / 2)
    assert values['auroc'] == pytest.approx(75)  # 3 of 4 pairs, for both classes
    assert values['kappa'] == pytest.approx(50)  # distance 4 of 16, by chance 8


def test_one_class_alone_has_no_ranking_and_no_kappa():
    scores, labels = np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 0])
    assert np.isnan(SCORE_METRICS['auroc'](scores, labels))
    assert np.isnan(SCORE_METRICS['kappa'](scores, labels))
    assert SCORE_METRICS['accuracy'](scores, labels) == 100
