"""Sets of classes that hold the true one as often as they say (split conformal).

Source: Sadinle, Lei and Wasserman, *Least Ambiguous Set-Valued Classifiers with Bounded
Error Levels*, JASA 114, 2019 (LAC); the finite-sample quantile is that of Angelopoulos
and Bates, arXiv:2107.07511, section 1.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Optional

import numpy as np

from .temperature import soften


def conformal_quantile(nonconformity: np.ndarray, alpha: float) -> Optional[float]:
    """Return the ceil((n + 1)(1 - alpha))-th smallest value.

    Args:
        nonconformity: 1 - p of the true class, of n exchangeable units, (n,).
        alpha: share of units whose set may miss the true class, between 0 and 1.

    Returns:
        None for n < 1 / alpha - 1: then only the set of all classes keeps the promise.

    Raises:
        ValueError: ``alpha`` is not between 0 and 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f'alpha={alpha}; it must be between 0 and 1.')
    n = len(nonconformity)
    # Exactly: in floats (9 + 1) * (1 - 0.1) may round up to the tenth of nine values.
    rank = math.ceil((n + 1) * (1 - Fraction(str(alpha))))
    return float(np.sort(nonconformity)[rank - 1]) if rank <= n else None


def prediction_sets(scores: np.ndarray, quantile: Optional[float]) -> np.ndarray:
    """Tell which classes are in each item's set, (N, K) bool.

    Args:
        scores: probabilities (N, K).
        quantile: of :func:`conformal_quantile`; None puts every class in.
    """
    if quantile is None:
        return np.ones(scores.shape, dtype=bool)
    return 1 - np.asarray(scores, np.float64) <= quantile + 1e-12


def worst_of_groups(nonconformity: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return one value for each group (patient), the largest, sorted by group.

    The slides of a patient are not independent; patients are exchangeable. With the
    largest value the promise is that all slides of a new patient are covered.

    Args:
        nonconformity: of each slide, (B,).
        groups: group of each slide, (B,).
    """
    _, place = np.unique(groups, return_inverse=True)  # (B,)
    worst = np.full(place.max() + 1, -np.inf)
    np.maximum.at(worst, place, nonconformity)
    return worst


@dataclass(frozen=True)
class Calibration:
    """What held-out slides say about a model's probabilities of slides.

    Args:
        temperature: divides the logarithms of a slide's probabilities.
        alpha: a set of classes misses the true one in this share of slides at most.
        quantile: a class is in the set if 1 - p is at most this; None if there were too
            few slides for ``alpha``: then every class is.
        n: number of units (patients, or slides) that it rests on.
        slides: number of slides.
        unit: ``'patient'`` or ``'slide'``.
    """

    temperature: float
    alpha: float
    quantile: Optional[float]
    n: int
    slides: int
    unit: str = 'slide'

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities of slides' scores, (B, K)."""
        return soften(scores, self.temperature)

    def sets(self, scores: np.ndarray) -> np.ndarray:
        """Tell which classes are in each slide's set, (B, K) bool, from raw scores."""
        return prediction_sets(self.probabilities(scores), self.quantile)
