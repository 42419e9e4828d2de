"""Accuracies and other metrics that come from a confusion matrix.

Those of counts take one matrix (K, K) or many at once (..., K, K): ``cite.compare`` has
one without each patient.
"""

import numpy as np


def confusion(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Count items by class and prediction.

    Args:
        scores: (N, K).
        labels: (N,).

    Returns:
        (K, K), integers: rows are the classes, columns the predictions.
    """
    classes = scores.shape[1]
    cell = labels * classes + np.argmax(scores, axis=1)  # (N,); the first in a tie
    return np.bincount(cell, minlength=classes**2).reshape(classes, classes)


def accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of correct predictions, in percent.

    >>> accuracy(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]))
    50.0
    """
    return float(100 * hit_share(confusion(scores, labels)))


def class_accuracy(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the recall of each class (K,) in percent, NaN for one without members."""
    return class_recall(confusion(scores, labels), whole=100)


def mean_accuracy(scores: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean of the class accuracies over the classes that have members."""
    return float(np.nanmean(class_accuracy(scores, labels)))


def hit_share(counts: np.ndarray) -> np.ndarray:
    """Return the share of correct predictions, (...), 0 to 1."""
    return np.trace(counts, axis1=-2, axis2=-1) / counts.sum((-2, -1))


def class_recall(counts: np.ndarray, whole: int = 1) -> np.ndarray:
    """Return the share of hits among the members of each class.

    Args:
        counts: (..., K, K).
        whole: what a share of one is called: 1, or 100 for percent.

    Returns:
        (..., K), 0 to ``whole``; NaN for a class without members.
    """
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return _divide(whole * hits, counts.sum(-1))


def mean_recall(counts: np.ndarray) -> np.ndarray:
    """Return the mean over the classes that have members of their recall, (...)."""
    return np.nanmean(class_recall(counts), axis=-1)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean over classes of F1 = 2 hits / (members + predictions), (...)."""
    # A class with neither members nor predictions is left out of the mean.
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return np.nanmean(_divide(2 * hits, counts.sum(-1) + counts.sum(-2)), axis=-1)


def quadratic_kappa(counts: np.ndarray) -> np.ndarray:
    """Return Cohen's kappa with quadratic weights (...), -1 to 1, for ordered classes.

    It is NaN where the class or the prediction never varies.

    Source: Cohen, *Weighted kappa*, Psychological Bulletin 70(4), 1968.
    """
    grade = np.arange(counts.shape[-1])
    distance = (grade[:, None] - grade) ** 2  # (K, K)
    observed = (counts * distance).sum((-2, -1))
    chance = counts.sum(-1)[..., :, None] * counts.sum(-2)[..., None, :]
    expected = (chance * distance).sum((-2, -1)) / counts.sum((-2, -1))
    return 1 - _divide(observed, expected)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; NaN where the denominator is zero."""
    result = np.full(np.shape(denominator), np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)
