"""Intervals and tests of a mean over patients and over draws of training slides.

Both are samples: of patients, and of choices of training slides. They are crossed,
since every model is tested on every patient, so the variance of the mean has three
estimates: from patients, from draws, and from what a draw does to a patient, which both
contain: Cameron, Gelbach and Miller, *Robust inference with multiway clustering*,
Journal of Business & Economic Statistics 29(2), 2011, equation 2.11.
"""

from typing import NamedTuple, Union

import numpy as np
from scipy import optimize, special

LEVEL = 0.95


class Interval(NamedTuple):
    """An estimate with the bounds of its confidence interval, NaN if it has none."""

    estimate: float
    low: float = float('nan')
    high: float = float('nan')


class Variance(NamedTuple):
    """The variance of a mean over J draws on C patients, in its estimates."""

    patients: float  # from patients; includes `both`
    draws: float  # from draws; includes `both`; 0 if there is one
    both: float  # what a draw does to a patient
    number_of_patients: int  # C
    number_of_draws: int  # J

    @property
    def of_draws_alone(self) -> float:
        """The part of draws without what the part of patients has already.

        Taking off all of `both` would claim too much: the part of a few draws is badly
        known, and where it comes out too small, nothing is left. A share of (J - 2) / J
        keeps the level for five draws or more; ``benchmarks/levels.py`` shows it.
        """
        if self.number_of_draws < 2:
            return 0.0
        share = (self.number_of_draws - 2) / self.number_of_draws
        return max(self.draws - share * self.both, 0.0)


def variance(values: np.ndarray, without: np.ndarray, overlap: float = 0.0) -> Variance:
    """Estimate the variance of the mean over draws.

    Source: Efron and Stein, *The jackknife estimate of variance*, Annals of Statistics
    9(3), 1981, for patients; Nadeau and Bengio, *Inference for the generalization
    error*, Machine Learning 52, 2003, section 3, for training sets that overlap.

    Args:
        values: a metric of each draw (the mean over its seeds), (J,).
        without: the same with each patient left out, (J, C).
        overlap: share of the training slides that two draws have in common, 0 to less
            than 1.
    """
    draws, patients = without.shape
    moved = without - without.mean(1, keepdims=True)  # (J, C)
    shrunk = (patients - 1) / patients
    of_patients = shrunk * (moved.mean(0) ** 2).sum()
    if draws < 2:
        return Variance(float(of_patients), 0.0, 0.0, patients, draws)
    apart = shrunk * ((moved - moved.mean(0)) ** 2).sum() / (draws * (draws - 1))
    # Draws that share slides are alike: their spread shows 1 - overlap of the variance.
    times = 1 / draws + overlap / (1 - overlap)
    of_draws = values.var(ddof=1) * times
    estimates = float(of_patients), float(of_draws), float(apart)
    return Variance(*estimates, patients, draws)


def half_width(
    of: Variance, level: Union[float, np.ndarray] = LEVEL
) -> Union[float, np.ndarray]:
    """Return half the width of the interval: Student's t, with two parts.

    Each part is multiplied by the squared quantile of its own degrees of freedom, so
    the interval is Student's where there is only one part.

    Source: Banerjee, *Approximate confidence interval for linear functions of means of
    k populations when the population variances are not equal*, Sankhya 22, 1960.

    Args:
        of: the variance.
        level: the interval's level, 0 to 1.
    """
    tail = (1 + np.asarray(level)) / 2
    square = special.stdtrit(of.number_of_patients - 1, tail) ** 2 * of.patients
    if of.of_draws_alone:
        square = square + special.stdtrit(of.number_of_draws - 1, tail) ** 2 * (
            of.of_draws_alone
        )
    return np.sqrt(square)


def p_value(difference: float, of: Variance) -> float:
    """Return the two-sided p-value of a difference of zero: where its interval ends.

    It is never below the least of an exact test of signs, where each of C patients may
    favour either method: 2 / 2^C (Fisher, *The Design of Experiments*, 1935, section
    21).

    Args:
        difference: estimate of the difference.
        of: its variance.
    """
    least = 2.0 ** (1 - of.number_of_patients)
    if not difference:
        return 1.0
    if not of.patients and not of.of_draws_alone:
        return least

    def beyond(log_p: float) -> float:
        return float(half_width(of, 1 - np.exp(log_p))) - abs(difference)

    lowest = -30.0  # p of 1e-13: below it, 1 - p is 1
    p = lowest if beyond(lowest) < 0 else optimize.brentq(beyond, lowest, 0.0)
    return float(min(max(np.exp(p), least), 1))
