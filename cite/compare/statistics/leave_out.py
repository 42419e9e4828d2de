"""A metric without each patient in turn: the jackknife, all patients at once.

All metrics but the AUROC come from sums over patients, so one is left out by taking its
part from the sums; the AUROC is a sum over pairs, from which its pairs are taken.
"""

from collections.abc import Sequence
from typing import Callable, Optional

import numpy as np

from cite.core.evaluation import confusion as cm
from cite.core.evaluation.calibration import surprise

_OF_COUNTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'accuracy': cm.hit_share,
    'mean_accuracy': cm.mean_recall,
    'f1': cm.macro_f1,
    'kappa': cm.quadratic_kappa,
}


def leave_out(
    names: Sequence[str],
    scores: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray,
    size: int,
) -> dict[str, np.ndarray]:
    """Compute metrics without each cluster (patient or slide).

    Args:
        names: keys of :data:`cite.core.evaluation.metrics.SCORE_METRICS`, not those
            that are binned.
        scores: probabilities (N, K).
        labels: (N,).
        clusters: number of each item's cluster, (N,), 0 to C - 1.
        size: number of clusters, C.

    Returns:
        (C,) for each name, in the metric's unit; NaN where the rest leaves it
        undefined.

    Raises:
        ValueError: a name that is unknown or binned.
    """
    unknown = [name for name in names if name not in (*_OF_COUNTS, 'nll', 'auroc')]
    if unknown:
        raise ValueError(f'{unknown} cannot be computed without a patient.')
    classes = scores.shape[1]
    cells = labels * classes + scores.argmax(1)  # (N,)
    counts = _rest(clusters, cells, size, classes**2)  # (C, K * K)
    counts = counts.reshape(-1, classes, classes)
    items = np.maximum(counts.sum((1, 2)), 1)  # (C,)
    values = {n: 100 * f(counts) for n, f in _OF_COUNTS.items() if n in names}
    if 'nll' in names:
        nats = _rest(clusters, clusters * 0, size, 1, surprise(scores, labels))
        values['nll'] = nats[:, 0] / items
    if 'auroc' in names:
        areas = [_areas(s, labels == k, clusters, size) for k, s in enumerate(scores.T)]
        values['auroc'] = 100 * _mean(np.stack(areas))
    return {name: values[name] for name in names}


def _rest(
    clusters: np.ndarray,
    places: np.ndarray,
    size: int,
    columns: int,
    values: Optional[np.ndarray] = None,
) -> np.ndarray:
    """Sum values (or count items) by place without each cluster, (size, columns)."""
    sums = _sums(clusters * columns + places, size * columns, values)
    sums = sums.reshape(size, columns)
    return sums.sum(0) - sums


def _sums(
    place: np.ndarray, number: int, values: Optional[np.ndarray] = None
) -> np.ndarray:
    return np.bincount(place, values, minlength=number).astype(np.float64)


def _mean(areas: np.ndarray) -> np.ndarray:
    """Average over the classes (K, C) that have an area; NaN without any."""
    defined = ~np.isnan(areas)
    total, number = np.where(defined, areas, 0).sum(0), defined.sum(0)
    empty = np.full(len(total), np.nan)
    return np.divide(total, number, out=empty, where=number > 0)


def _areas(
    score: np.ndarray, member: np.ndarray, clusters: np.ndarray, size: int
) -> np.ndarray:
    """Return the area for one class without each cluster, (C,)."""
    _, rank = np.unique(score, return_inverse=True)  # equal ones alike
    anywhere = _lower(rank, member, np.zeros_like(clusters))  # (N,)
    inside = _lower(rank, member, clusters)
    won = np.where(member, anywhere, 0)
    # A member that is left out takes the pairs it won; another takes those it lost.
    lost = member.sum() - _lower(rank, ~member, np.zeros_like(clusters))
    taken = np.where(member, anywhere - inside, lost)
    members, others = _rest(clusters, (~member).astype(int), size, 2).T
    pairs = members * others
    wins = won.sum() - _sums(clusters, size, taken)
    return np.divide(wins, pairs, out=np.full(size, np.nan), where=pairs > 0)


def _lower(rank: np.ndarray, member: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Count for each item the non-members of its group that rank lower, ties half."""
    key = group * (int(rank.max()) + 1) + rank
    names, place = np.unique(key, return_inverse=True)
    others = _sums(place, len(names), ~member)
    below = np.cumsum(others) - others / 2
    of_group = np.bincount(group, ~member)
    before = np.cumsum(of_group) - of_group
    return below[place] - before[group]
