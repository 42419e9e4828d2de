import numpy as np

from .calibration import BINS, binned


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
