from typing import Optional

import numpy as np


def auroc(
    scores: np.ndarray, labels: np.ndarray, weights: Optional[np.ndarray] = None
) -> np.ndarray:
    """Compute the one-vs-rest area under the ROC curve, mean over classes.

    The area of a class is the probability that a member scores above a non-member, a
    tie counting half.

    Source: Hanley and McNeil, Radiology 143(1), 1982; Fawcett, Pattern Recognition
    Letters 27, 2006, section 10, for several classes.

    Args:
        scores: (N, K).
        labels: (N,).
        weights: how often each item counts, (R, N), one row a weighting; once without.

    Returns:
        (R,), 0 to 1, over the classes with members and non-members; NaN without any.
    """
    if weights is None:
        weights = np.ones((1, len(labels)))
    areas = [_area(scores[:, k], labels == k, weights) for k in range(scores.shape[1])]
    stacked = np.stack(areas)  # (K, R)
    known = ~np.isnan(stacked)
    total = np.where(known, stacked, 0).sum(0)
    count = known.sum(0)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def _area(score: np.ndarray, member: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area for one class, (R,); ``score`` and ``member`` are (N,)."""
    _, rank = np.unique(score, return_inverse=True)  # (N,), equal for ties
    order = np.argsort(rank, kind='stable')
    starts = np.flatnonzero(np.diff(rank[order], prepend=-1))  # of each rank
    weights = weights[:, order]
    inside = member[order]
    members = np.add.reduceat(weights * inside, starts, axis=1)  # (R, ranks)
    others = np.add.reduceat(weights * ~inside, starts, axis=1)
    below = np.cumsum(others, axis=1) - others / 2
    pairs = members.sum(1) * others.sum(1)
    wins = (members * below).sum(1)
    return np.divide(wins, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
