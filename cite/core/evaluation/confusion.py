"""What a confusion matrix tells, for many weightings of the same items at once."""

from typing import Optional

import numpy as np

from .accuracy import predicted


def confusion(
    scores: np.ndarray, labels: np.ndarray, weights: Optional[np.ndarray] = None
) -> np.ndarray:
    """Count items by class and prediction.

    Args:
        scores: (N, K).
        labels: (N,).
        weights: how often each item counts, (R, N), one row a weighting; once without.

    Returns:
        (R, K, K), float: rows are the classes, columns the predictions.
    """
    classes = scores.shape[1]
    cell = labels * classes + predicted(scores)  # (N,)
    if weights is None:
        weights = np.ones((1, len(labels)))
    counts = np.zeros((len(weights), classes * classes))
    for c in np.unique(cell):
        counts[:, c] = weights[:, cell == c].sum(1)
    return counts.reshape(-1, classes, classes)


def hit_share(counts: np.ndarray) -> np.ndarray:
    """Return the share of correct predictions, (R,), 0 to 1."""
    return np.trace(counts, axis1=1, axis2=2) / counts.sum((1, 2))


def mean_recall(counts: np.ndarray) -> np.ndarray:
    """Return the mean over classes of the share of hits, (R,), 0 to 1.

    A class without members is left out of the mean.
    """
    members = counts.sum(2)  # (R, K)
    recall = _divide(np.diagonal(counts, axis1=1, axis2=2), members)
    return np.nanmean(recall, axis=1)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Return the mean over classes of F1 = 2 hits / (members + predictions), (R,).

    A class with neither members nor predictions is left out of the mean.
    """
    hits = np.diagonal(counts, axis1=1, axis2=2)
    return np.nanmean(_divide(2 * hits, counts.sum(2) + counts.sum(1)), axis=1)


def quadratic_kappa(counts: np.ndarray) -> np.ndarray:
    """Return Cohen's kappa with quadratic weights, for ordered classes.

    Source: Cohen, *Weighted kappa*, Psychological Bulletin 70(4), 1968.

    Returns:
        (R,), -1 to 1; NaN where class or prediction never vary.
    """
    classes = counts.shape[1]
    grade = np.arange(classes)
    distance = (grade[:, None] - grade) ** 2  # (K, K)
    observed = (counts * distance).sum((1, 2))
    chance = counts.sum(2)[:, :, None] * counts.sum(1)[:, None]  # (R, K, K)
    expected = (chance * distance).sum((1, 2)) / counts.sum((1, 2))
    return 1 - _divide(observed, expected)


def _divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; NaN where the denominator is zero."""
    result = np.full(np.shape(denominator), np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator > 0)
