"""Whether scores are probabilities: calibration and likelihood."""

from typing import NamedTuple

import numpy as np

BINS = 15  # Guo et al., section 5
_LEAST = 1e-12  # a score of 0 for the true class would be infinitely bad


class Reliability(NamedTuple):
    """A reliability curve, each entry (B,) for B bins of confidence."""

    confidence: np.ndarray  # mean in the bin, NaN in an empty one
    accuracy: np.ndarray  # share of hits in the bin, NaN in an empty one
    share: np.ndarray  # the bin's share of all items


def reliability(
    scores: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> Reliability:
    """Compare confidence (the highest score) with the share of hits, bin by bin.

    Source: Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017,
    arXiv:1706.04599, section 2.

    Args:
        scores: probabilities (N, K).
        labels: (N,).
        bins: number of bins of equal width from 0 to 1.
    """
    confidence, hit, place = binned(scores, labels, bins)
    number = np.bincount(place, minlength=bins)
    filled = number > 0

    def mean(values: np.ndarray) -> np.ndarray:
        total = np.bincount(place, weights=values, minlength=bins)
        return np.divide(total, number, out=np.full(bins, np.nan), where=filled)

    return Reliability(mean(confidence), mean(hit), number / len(labels))


def calibration_error(
    scores: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> float:
    """Compute the expected calibration error, 0 to 1: how far hits are from confidence.

    Source: Guo et al., arXiv:1706.04599, equation 3. Few items push it up: scores that
    are perfectly calibrated around 0.5 get about 0.4 * sqrt(filled bins / items).

    Args:
        scores: probabilities (N, K).
        labels: (N,).
        bins: number of bins of equal width from 0 to 1.
    """
    confidence, hit, place = binned(scores, labels, bins)
    gap = hit - confidence  # (N,)
    per_bin = [gap[place == b].sum() for b in np.unique(place)]
    return float(np.abs(per_bin).sum() / len(labels))


def calibration_floor(scores: np.ndarray) -> float:
    """Return the error that calibrated scores (N, K) get by chance, 0 to 1."""
    confidence, _, place = binned(scores, np.zeros(len(scores), dtype=np.int64))
    variance = np.bincount(place, confidence * (1 - confidence))  # in each bin
    # A normal variable is sqrt(2 / pi) of its deviation from its mean on average.
    return float(np.sqrt(2 / np.pi * variance).sum() / len(scores))


def negative_log_likelihood(scores: np.ndarray, labels: np.ndarray) -> float:
    """Compute the mean of -log of the true class's probability, in nats.

    Args:
        scores: probabilities (N, K).
        labels: (N,).
    """
    return float(np.ones(len(labels)) @ surprise(scores, labels)) / len(labels)


def surprise(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return -log of each item's true class's probability, (N,), in nats."""
    true_class = scores[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(true_class, _LEAST, 1))


def binned(
    scores: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each item's confidence, whether it is a hit (0, 1), and its bin."""
    confidence = scores.max(1).astype(np.float64)
    hit = (scores.argmax(1) == labels).astype(np.float64)
    # Bins are open below and closed above, as in the source.
    place = np.ceil(confidence * bins).astype(np.int64) - 1
    return confidence, hit, np.clip(place, 0, bins - 1)


def debiased_calibration_error(
    scores: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> float:
    """Compute the root-mean-square calibration error, 0 to 1, without what chance adds.

    In a bin of n items whose hits minus confidence are r, the square of their mean is
    too large by their variance / n, which is taken off: on average over data sets, the
    square is the true one. It is 0 where chance explains the whole error.

    Source: Kumar, Liang and Ma, *Verified Uncertainty Calibration*, NeurIPS 2019,
    arXiv:1909.10155, definition 5.1; here the variance is that of r and not of the hits
    alone, as confidences differ within a bin of equal width.

    Args:
        scores: probabilities (N, K).
        labels: (N,).
        bins: number of bins of equal width from 0 to 1. One with a single item has no
            variance and is left out.

    Returns:
        NaN if no bin has two items.
    """
    confidence, hit, place = binned(scores, labels, bins)
    gap = hit - confidence  # (N,)
    number = np.bincount(place, minlength=bins)
    total = np.bincount(place, gap, minlength=bins)
    squares = np.bincount(place, gap**2, minlength=bins)
    used = number > 1
    if not used.any():
        return float('nan')
    # n times (mean squared - variance / n)
    excess = (total[used] ** 2 - squares[used]) / (number[used] - 1)
    return float(np.sqrt(max(excess.sum() / number[used].sum(), 0)))
