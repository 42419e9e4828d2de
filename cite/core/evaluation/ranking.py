import numpy as np


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Compute the one-vs-rest area under the ROC curve, mean over classes.

    The area of a class is the probability that a member scores above a non-member; a
    tie counts half.

    Source: Hanley and McNeil, Radiology 143(1), 1982; Fawcett, Pattern Recognition
    Letters 27, 2006, section 10, for several classes.

    Args:
        scores: (N, K).
        labels: (N,).

    Returns:
        0 to 1, over the classes with members and non-members; NaN without any.
    """
    areas = np.array([_area(scores[:, k], labels == k) for k in range(scores.shape[1])])
    defined = ~np.isnan(areas)  # (K,)
    if not defined.any():
        return float('nan')
    return float(np.where(defined, areas, 0).sum() / defined.sum())


def _area(score: np.ndarray, member: np.ndarray) -> float:
    """Return the area for one class; ``score`` and ``member`` are (N,)."""
    _, rank = np.unique(score, return_inverse=True)  # (N,), equal for ties
    members = np.bincount(rank, member)  # (ranks,)
    others = np.bincount(rank, ~member)
    below = np.cumsum(others) - others / 2
    pairs = members.sum() * others.sum()
    return float((members * below).sum() / pairs) if pairs else float('nan')
