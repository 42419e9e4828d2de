"""Bootstrap intervals over slides, or patients, and over the draws of training slides.

Slides and runs are resampled independently of each other. Where only one of the two
matters that is as it should be; where both do, it errs on the wide side: Owen, *The
pigeonhole bootstrap*, Annals of Applied Statistics 1(2), 2007.

Source: Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 13 and
16; Davison and Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8,
for resampling whole clusters.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """An estimate with the bounds of its confidence interval."""

    estimate: float
    low: float
    high: float


def resample_clusters(number: int, resamples: int = 2000, seed: int = 0) -> np.ndarray:
    """Draw clusters (patients, or slides) with replacement.

    Args:
        number: of clusters, C.
        resamples: R.
        seed: of what is drawn.

    Returns:
        How often each cluster counts, (R, C).
    """
    return _multiplicities(np.random.default_rng(seed), number, resamples)


def resample_runs(
    draws: Sequence[int], resamples: int = 2000, seed: int = 0
) -> np.ndarray:
    """Draw runs in two levels: draws of training slides, then runs (seeds) in a draw.

    Args:
        draws: draw of training slides of each run, (M,).
        resamples: R.
        seed: of what is drawn.

    Returns:
        How often each run counts, (R, M).
    """
    # Another stream than that of the clusters with the same seed.
    rng = np.random.default_rng([seed, 1])
    names, draw = np.unique(np.asarray(draws), return_inverse=True)
    times = _multiplicities(rng, len(names), resamples).astype(np.int64)  # (R, draws)
    runs = np.zeros((resamples, len(draw)))
    for d in range(len(names)):
        inside = np.flatnonzero(draw == d)
        share = np.full(len(inside), 1 / len(inside))
        # A draw taken t times gives t times as many runs as it has.
        runs[:, inside] = rng.multinomial(times[:, d] * len(inside), share)
    return runs


def _multiplicities(rng: np.random.Generator, size: int, resamples: int) -> np.ndarray:
    """How often each of ``size`` things is drawn in ``size`` draws, (R, size)."""
    share = np.full(size, 1 / size)
    return rng.multinomial(size, share, size=resamples).astype(np.float64)


def over_runs(values: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """Average resampled values over resampled runs.

    Args:
        values: of a figure, (M, R): of each run in each resample of the slides.
        runs: of :func:`resample_runs`, (R, M).

    Returns:
        (R,); NaN where a run that counts has no value.
    """
    weights = runs.T  # (M, R)
    return np.where(weights > 0, values * weights, 0).sum(0) / weights.sum(0)


def interval(estimate: float, resampled: np.ndarray, level: float = 0.95) -> Interval:
    """Return the percentile interval; resamples without a value are left out."""
    tail = 50 * (1 - level)
    known = resampled[~np.isnan(resampled)]
    if not known.size:
        return Interval(estimate, float('nan'), float('nan'))
    low, high = np.percentile(known, [tail, 100 - tail])
    return Interval(estimate, float(low), float(high))


def reflect(estimate: float, resampled: np.ndarray) -> np.ndarray:
    """Mirror resampled values at the estimate; their percentiles: the basic interval.

    For a figure that few items push up, such as the calibration error: resampling
    pushes it up once more, where the truth is as far below the estimate. With 150
    slides and a true error of 5.4 %, the percentile interval holds the truth in 5 % of
    data sets, the basic one in 90 %.

    Source: Davison and Hinkley, 1997, section 5.2.
    """
    return 2 * estimate - resampled
