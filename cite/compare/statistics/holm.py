from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjust p-values of several tests by Holm's step-down method.

    Source: Holm, *A simple sequentially rejective multiple test procedure*,
    Scandinavian Journal of Statistics 6(2), 1979.

    Args:
        p_values: (T,); NaN for a comparison that has no test, which does not count.

    Returns:
        (T,) adjusted, in the order given: a test whose value is at most alpha is
        significant at a family-wise error rate of alpha.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    number = int((~np.isnan(p)).sum())
    order = np.argsort(p, kind='stable')[:number]  # NaN is sorted last
    steps = (number - np.arange(number)) * p[order]
    adjusted = np.full(len(p), np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
