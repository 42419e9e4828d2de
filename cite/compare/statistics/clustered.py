"""The metrics of thousands of resamples of clusters at once.

A resample changes how often each cluster (a slide with its patches, a patient with the
slides) counts. All metrics but the AUROC come from sums over clusters, so a resample is
a product of its weights with a small table; the AUROC is a sum over pairs of clusters.
"""

from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np

from cite.core.evaluation import confusion as cm
from cite.core.evaluation.calibration import BINS, binned, surprise
from cite.core.evaluation.metrics import SCORE_METRICS

# Ranks that an AUROC tells apart where a cluster holds many items. Pairs within one
# count half: at most 1 in 4096 of all pairs, 0.02 points.
RANKS = 4096

_OF_COUNTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'accuracy': cm.hit_share,
    'mean_accuracy': cm.mean_recall,
    'f1': cm.macro_f1,
    'kappa': cm.quadratic_kappa,
}


def resampled_metrics(
    names: Sequence[str],
    scores: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray,
    weights: np.ndarray,
) -> dict[str, np.ndarray]:
    """Compute metrics of many resamples of whole clusters.

    Args:
        names: keys of :data:`cite.core.evaluation.metrics.SCORE_METRICS`.
        scores: probabilities (N, K).
        labels: (N,).
        clusters: number of each item's cluster, (N,), 0 to C - 1.
        weights: how often each cluster counts, (R, C).

    Returns:
        (R,) for each name, in the figure's unit; NaN where a resample leaves it
        undefined.

    Raises:
        ValueError: an unknown name.
    """
    unknown = [name for name in names if name not in SCORE_METRICS]
    if unknown:
        raise ValueError(f'unknown metrics {unknown}; known are {list(SCORE_METRICS)}.')
    size, classes = weights.shape[1], scores.shape[1]
    cells = labels * classes + scores.argmax(1)  # (N,)
    counts = weights @ _sums(clusters, cells, size, classes**2)  # (R, K * K)
    counts = counts.reshape(-1, classes, classes)
    items = counts.sum((1, 2))  # (R,)
    values = {n: 100 * f(counts) for n, f in _OF_COUNTS.items() if n in names}
    if 'ece' in names:
        confidence, hit, place = binned(scores, labels)
        gaps = weights @ _sums(clusters, place, size, BINS, hit - confidence)  # (R, B)
        values['ece'] = 100 * np.abs(gaps).sum(1) / items
    if 'nll' in names:
        nats = np.bincount(clusters, surprise(scores, labels), minlength=size)  # (C,)
        values['nll'] = weights @ nats / items
    if 'auroc' in names:
        values['auroc'] = 100 * _auroc(scores, labels, clusters, weights)
    return {name: values[name] for name in names}


def _sums(
    clusters: np.ndarray,
    places: np.ndarray,
    size: int,
    columns: int,
    values: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Sum values (or count items) by cluster and place, (size, columns)."""
    cell = clusters * columns + places
    total = np.bincount(cell, values, minlength=size * columns)
    return total.reshape(size, columns).astype(np.float64)


def _auroc(
    scores: np.ndarray, labels: np.ndarray, clusters: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the mean one-vs-rest area over the classes that have one, (R,)."""
    columns = enumerate(scores.T)
    areas = np.stack([_area(s, labels == k, clusters, weights) for k, s in columns])
    defined = ~np.isnan(areas)  # (K, R)
    total, number = np.where(defined, areas, 0).sum(0), defined.sum(0)
    empty = np.full(len(total), np.nan)
    return np.divide(total, number, out=empty, where=number > 0)


def _area(
    score: np.ndarray, member: np.ndarray, clusters: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Return the area for one class, (R,): won pairs of clusters over all pairs."""
    rank, ranks = _ranks(score)
    inside, members = _histograms(rank, clusters, member, ranks)  # (A,), (A, ranks)
    outside, others = _histograms(rank, clusters, ~member, ranks)  # (B,), (B, ranks)
    if not len(inside) or not len(outside):
        return np.full(len(weights), np.nan)
    below = np.cumsum(others, axis=1) - others / 2  # others that rank lower, ties half
    wins = members @ below.T  # (A, B)
    left, right = (weights[:, c].astype(np.float32) for c in (inside, outside))
    won = ((left @ wins) * right).sum(1, dtype=np.float64)  # (R,)
    pairs = (left @ members.sum(1)).astype(np.float64) * (right @ others.sum(1))
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _ranks(score: np.ndarray) -> tuple[np.ndarray, int]:
    """Rank scores, equal ones alike, in at most RANKS ranks: (N,), their number."""
    values, rank = np.unique(score, return_inverse=True)
    if len(values) > RANKS:
        first = np.searchsorted(np.sort(score), values)  # items below each value
        _, group = np.unique(first * RANKS // len(score), return_inverse=True)
        rank = group[rank]
    return rank, int(rank.max()) + 1


def _histograms(
    rank: np.ndarray, clusters: np.ndarray, chosen: np.ndarray, ranks: int
) -> tuple[np.ndarray, np.ndarray]:
    """Count the chosen items by cluster and rank, for the clusters that hold some."""
    names, place = np.unique(clusters[chosen], return_inverse=True)
    counts = _sums(place, rank[chosen], len(names), ranks)
    return names, counts.astype(np.float32)
