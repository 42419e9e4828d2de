from dataclasses import dataclass
from typing import Optional

import numpy as np

from cite.core.evaluation.conformal import prediction_sets
from cite.core.evaluation.temperature import soften


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
