from collections.abc import Sequence

import numpy as np


def paired_p_value(difference: np.ndarray, clusters: int) -> float:
    """Return the two-sided bootstrap p-value of a difference being zero.

    Source: Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, section
    15.4 (the achieved level of the percentile interval); with one added to both counts,
    it is never 0: Davison and Hinkley, 1997, section 4.2.

    A bootstrap of few clusters claims too much: if all of five patients favour one
    method, every resample does. So the value is never below the least of an exact test
    of signs, where each of C clusters may favour either method: 2 / 2^C (Fisher, *The
    Design of Experiments*, 1935, section 21).

    Args:
        difference: the difference in each resample, (R,); both methods on the same
            resampled slides and runs. NaN is left out.
        clusters: number of resampled units (patients or slides), C.

    Returns:
        0 to 1; 1 without a resample that has a value.
    """
    values = difference[~np.isnan(difference)]
    if not values.size:
        return 1.0
    fewer = min((values <= 0).sum(), (values >= 0).sum())
    least = 2.0 ** (1 - clusters)
    return min(1.0, max(least, float(2 * (fewer + 1) / (len(values) + 1))))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjust p-values of several tests by Holm's step-down method.

    Source: Holm, *A simple sequentially rejective multiple test procedure*,
    Scandinavian Journal of Statistics 6(2), 1979.

    Args:
        p_values: (T,).

    Returns:
        (T,) adjusted, in the order given: a test whose value is at most alpha is
        significant at a family-wise error rate of alpha.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind='stable')
    steps = (len(p) - np.arange(len(p))) * p[order]
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
