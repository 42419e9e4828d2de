"""Bootstrap intervals over slides, or patients, and over the draws of training slides.

Source: Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 13 and
16; Davison and Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8,
for resampling whole clusters.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .figures import Figure


class Resamples(NamedTuple):
    """What one bootstrap resample takes, the same for every method under comparison."""

    slides: np.ndarray  # (R, N) how often each slide counts
    runs: np.ndarray  # (R, M) how often each run counts


class Interval(NamedTuple):
    """An estimate with the bounds of its confidence interval."""

    estimate: float
    low: float
    high: float


def resample(
    clusters: Sequence[str],
    draws: Sequence[int],
    resamples: int = 2000,
    seed: int = 0,
) -> Resamples:
    """Draw slides and runs with replacement, independently of each other.

    Slides come and go with their whole cluster (the patient, or the slide itself). Runs
    are drawn in two levels: draws of training slides, then runs (seeds) within a draw.

    Args:
        clusters: cluster of each test slide, (N,).
        draws: draw of training slides of each run, (M,).
        resamples: R.
        seed: of all that is drawn.

    Returns:
        Weights for :func:`bootstrap`.
    """
    rng = np.random.default_rng(seed)
    _, member = np.unique(np.asarray(clusters), return_inverse=True)
    slides = _multiplicities(rng, member.max() + 1, resamples)[:, member]
    names, draw = np.unique(np.asarray(draws), return_inverse=True)
    times = _multiplicities(rng, len(names), resamples)  # (R, draws)
    runs = np.zeros((resamples, len(draw)))
    for d in range(len(names)):
        inside = np.flatnonzero(draw == d)
        for r in np.flatnonzero(times[:, d]):
            picks = rng.integers(len(inside), size=(int(times[r, d]), len(inside)))
            runs[r, inside] = np.bincount(picks.ravel(), minlength=len(inside))
    return Resamples(slides, runs)


def _multiplicities(rng: np.random.Generator, size: int, resamples: int) -> np.ndarray:
    """How often each of ``size`` things is drawn in ``size`` draws, (R, size)."""
    share = np.full(size, 1 / size)
    return rng.multinomial(size, share, size=resamples).astype(np.float64)


def bootstrap(
    figure: Figure,
    scores: Sequence[np.ndarray],
    labels: np.ndarray,
    resamples: Resamples,
) -> tuple[float, np.ndarray]:
    """Compute a figure's mean over runs, and the same in every resample.

    Args:
        figure: of :data:`.figures.FIGURES`.
        scores: of each run, M of (N, K), on the same slides.
        labels: (N,).
        resamples: of :func:`resample`.

    Returns:
        The mean over runs, and the resampled means (R,), NaN where a resample leaves
        the figure undefined.
    """
    plain = np.concatenate([figure(run, labels, None) for run in scores])  # (M,)
    values = np.stack([figure(run, labels, resamples.slides) for run in scores])
    weights = resamples.runs.T  # (M, R)
    return float(plain.mean()), (values * weights).sum(0) / weights.sum(0)


def interval(estimate: float, resampled: np.ndarray, level: float = 0.95) -> Interval:
    """Return the percentile interval; resamples without a value are left out."""
    tail = 50 * (1 - level)
    known = resampled[~np.isnan(resampled)]
    if not known.size:
        return Interval(estimate, float('nan'), float('nan'))
    low, high = np.percentile(known, [tail, 100 - tail])
    return Interval(estimate, float(low), float(high))
