"""Every figure against scikit-learn, unweighted and weighted."""

import numpy as np
import pytest
from sklearn import metrics as sk

from cite.core.evaluation.figures import FIGURES


def _auroc(labels, scores, weight):
    areas = [
        sk.roc_auc_score(labels == k, scores[:, k], sample_weight=weight)
        for k in range(scores.shape[1])
    ]
    return 100 * np.mean(areas)


def _kappa(labels, scores, weight):
    return 100 * sk.cohen_kappa_score(
        labels, scores.argmax(1), weights='quadratic', sample_weight=weight
    )


REFERENCES = {
    'accuracy': lambda y, s, w: (
        100 * sk.accuracy_score(y, s.argmax(1), sample_weight=w)
    ),
    'mean_accuracy': lambda y, s, w: (
        100 * sk.balanced_accuracy_score(y, s.argmax(1), sample_weight=w)
    ),
    'f1': lambda y, s, w: (
        100 * sk.f1_score(y, s.argmax(1), average='macro', sample_weight=w)
    ),
    'auroc': _auroc,
    'kappa': _kappa,
    'nll': lambda y, s, w: sk.log_loss(y, s, sample_weight=w),
}


@pytest.mark.parametrize('name', [name for name in FIGURES if name != 'ece'])
def test_scikit_learn_agrees(name, scored):
    scores, labels, weights = scored
    reference = REFERENCES[name]

    plain = FIGURES[name](scores, labels, None)
    assert plain == pytest.approx([reference(labels, scores, None)])
    weighted = FIGURES[name](scores, labels, weights)
    assert weighted == pytest.approx([reference(labels, scores, w) for w in weights])


@pytest.mark.parametrize('name', FIGURES)
def test_a_weight_is_a_repetition(name, scored):
    scores, labels, weights = scored
    times = weights[0].astype(int)
    repeated = FIGURES[name](scores.repeat(times, 0), labels.repeat(times), None)
    assert FIGURES[name](scores, labels, weights[:1]) == pytest.approx(repeated)


def test_classes_that_are_absent_are_left_out():
    # Classes 0 and 2 of three; nothing is said to be class 1.
    scores = np.array([[0.8, 0, 0.2], [0.3, 0, 0.7], [0.1, 0, 0.9], [0.4, 0, 0.6]])
    labels = np.array([0, 0, 2, 2])
    figures = {name: FIGURES[name](scores, labels, None)[0] for name in FIGURES}
    assert figures['mean_accuracy'] == pytest.approx(75)  # 1/2 and 2/2
    assert figures['f1'] == pytest.approx(100 * (2 / 3 + 4 / 5) / 2)
    assert figures['auroc'] == pytest.approx(75)  # 3 of 4 pairs, for both classes
    assert figures['kappa'] == pytest.approx(50)  # distance 4 of 16, by chance 8


def test_one_class_alone_has_no_ranking_and_no_kappa():
    scores, labels = np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([0, 0])
    assert np.isnan(FIGURES['auroc'](scores, labels, None)).all()
    assert np.isnan(FIGURES['kappa'](scores, labels, None)).all()
    assert FIGURES['accuracy'](scores, labels, None) == pytest.approx([100])
