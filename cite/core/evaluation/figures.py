"""The figures a comparison reports, each for many weightings of the items at once.

scikit-learn has most of them, one weighting a call, and the tests hold ours against it;
a bootstrap asks for them hundreds of thousands of times.
"""

from typing import Callable, Optional

import numpy as np

from . import confusion as cm
from .calibration import calibration_error, negative_log_likelihood
from .ranking import auroc

Weights = Optional[np.ndarray]
Figure = Callable[[np.ndarray, np.ndarray, Weights], np.ndarray]


def _of_counts(function: Callable[[np.ndarray], np.ndarray]) -> Figure:
    """Turn a function of the confusion matrix into one of scores, in percent."""

    def figure(
        scores: np.ndarray, labels: np.ndarray, weights: Weights = None
    ) -> np.ndarray:
        return 100 * function(cm.confusion(scores, labels, weights))

    return figure


def _percent(function: Figure) -> Figure:
    def figure(
        scores: np.ndarray, labels: np.ndarray, weights: Weights = None
    ) -> np.ndarray:
        return 100 * function(scores, labels, weights)

    return figure


#: Name -> function of scores (N, K), labels (N,) and weights (R, N) to (R,). All in
#: percent but ``nll``, which is in nats.
FIGURES: dict[str, Figure] = {
    'accuracy': _of_counts(cm.hit_share),
    'mean_accuracy': _of_counts(cm.mean_recall),
    'f1': _of_counts(cm.macro_f1),
    'auroc': _percent(auroc),
    'kappa': _of_counts(cm.quadratic_kappa),
    'ece': _percent(calibration_error),
    'nll': negative_log_likelihood,
}
#: Figures of which less is better.
LESS_IS_BETTER = ('ece', 'nll')
#: Figures that are the higher the fewer the items, though nothing else changes.
BIASED = ('ece',)
