"""The metrics a data set's ``evaluate`` knows, by name."""

from collections.abc import Sequence
from typing import Callable, NamedTuple

import numpy as np

from . import confusion as cm
from .calibration import (
    calibration_error,
    debiased_calibration_error,
    negative_log_likelihood,
)
from .confusion import accuracy, class_accuracy, mean_accuracy
from .scores import bag_scores

Function = Callable[[np.ndarray, np.ndarray], float]
Values = dict[str, float]


def auroc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Compute the one-vs-rest area under the ROC curve, mean over classes.

    Source: Hanley and McNeil, Radiology 143(1), 1982; Fawcett, Pattern Recognition
    Letters 27, 2006, section 10, for several classes.

    Args:
        scores: (N, K).
        labels: (N,).

    Returns:
        0 to 1, over the classes with members and non-members; NaN without any.
    """
    areas = np.array([_area(scores[:, k], labels == k) for k in range(scores.shape[1])])
    defined = ~np.isnan(areas)  # (K,)
    if not defined.any():
        return float('nan')
    return float(np.where(defined, areas, 0).sum() / defined.sum())


def _area(score: np.ndarray, member: np.ndarray) -> float:
    """Return the area for one class; ``score`` and ``member`` are (N,)."""
    _, rank = np.unique(score, return_inverse=True)  # (N,), equal for ties: half each
    members = np.bincount(rank, member)  # (ranks,)
    others = np.bincount(rank, ~member)
    below = np.cumsum(others) - others / 2
    pairs = members.sum() * others.sum()
    return float((members * below).sum() / pairs) if pairs else float('nan')


def _of_counts(function: Callable[[np.ndarray], np.ndarray]) -> Function:
    """Turn a function of the confusion matrix into one of scores, in percent."""
    return lambda scores, labels: float(100 * function(cm.confusion(scores, labels)))


#: What a comparison reports (its config's ``figures``). Name -> function of scores
#: (N, K) and labels (N,). All in percent but ``nll``, which is in nats.
SCORE_METRICS: dict[str, Function] = {
    'accuracy': accuracy,
    'mean_accuracy': _of_counts(cm.mean_recall),
    'f1': _of_counts(cm.macro_f1),
    'auroc': lambda scores, labels: 100 * auroc(scores, labels),
    'kappa': _of_counts(cm.quadratic_kappa),
    'ece': lambda scores, labels: 100 * calibration_error(scores, labels),
    'ece_debiased': lambda scores, labels: (
        100 * debiased_calibration_error(scores, labels)
    ),
    'nll': negative_log_likelihood,
}
#: Metrics of which less is better.
LESS_IS_BETTER = ('ece', 'ece_debiased', 'nll')
#: Metrics whose error no resampling of items shows: they are binned, and cut at 0.
BIASED = ('ece', 'ece_debiased')


class Metric(NamedTuple):
    """A metric of patches or slides."""

    bags: bool  # computed on slides
    compute: Callable[[np.ndarray, np.ndarray], Values]  # scores (M, K), labels (M,)


def _single(name: str, function: Function) -> Callable:
    """Name the one value that a function returns."""
    return lambda scores, labels: {name: function(scores, labels)}


def _classes(name: str, mean_name: str) -> Callable:
    """Name the accuracy of each class that has members, and their mean."""

    def compute(scores: np.ndarray, labels: np.ndarray) -> Values:
        shares = class_accuracy(scores, labels)  # (K,)
        present = np.flatnonzero(~np.isnan(shares))
        values = {f'{name}_{c}': float(shares[c]) for c in present}
        return {**values, mean_name: mean_accuracy(scores, labels)}

    return compute


METRICS = {
    'accuracy': Metric(False, _single('accuracy', accuracy)),
    'class_accuracy': Metric(False, _classes('accuracy', 'mean_accuracy')),
    'mean_accuracy': Metric(False, _single('mean_accuracy', mean_accuracy)),
    'bag_accuracy': Metric(True, _single('bag_accuracy', accuracy)),
    'bag_class_accuracy': Metric(True, _classes('bag_accuracy', 'mean_bag_accuracy')),
    'mean_bag_accuracy': Metric(True, _single('mean_bag_accuracy', mean_accuracy)),
}
# Those of the other figures: of patches, and with `bag_` of slides.
for _name in [name for name in SCORE_METRICS if name not in METRICS]:
    for _key, _bags in ((_name, False), (f'bag_{_name}', True)):
        METRICS[_key] = Metric(_bags, _single(_key, SCORE_METRICS[_name]))


def best_values(names: Sequence[str], labels: np.ndarray, num_classes: int) -> Values:
    """Compute what metrics give for perfect scores: their values' names, and NaNs.

    Args:
        names: keys of ``METRICS``.
        labels: labels of the patches, (N,); classes without members have no values.
        num_classes: K.
    """
    present = np.unique(labels)
    scores = np.eye(num_classes)[present]  # one patch, and slide, of each class
    return compute_metrics(names, scores, present, present.astype(str))


def less_is_better(value_name: str) -> bool:
    """Tell whether a smaller value of a metric, of patches or slides, is better."""
    return value_name[len('bag_') * value_name.startswith('bag_') :] in LESS_IS_BETTER


def check_metrics(names: Sequence[str]) -> None:
    """Raise a ValueError that lists the metrics if one of the names is unknown."""
    unknown = [name for name in names if name not in METRICS]
    if unknown:
        raise ValueError(
            f'unknown metric {", ".join(map(repr, unknown))}; '
            f'known are {", ".join(METRICS)}.'
        )


def compute_metrics(
    names: Sequence[str], scores: np.ndarray, labels: np.ndarray, bags: np.ndarray
) -> Values:
    """Compute metrics of patches and of the slides they make up.

    Args:
        names: keys of ``METRICS``.
        scores: scores of the patches, (N, K).
        labels: labels of the patches, (N,).
        bags: slide of each patch, (N,).

    Returns:
        Named values, percent where they are shares.

    Raises:
        ValueError: an unknown name, or a slide with two labels.
    """
    check_metrics(names)
    levels = {False: (scores, labels)}
    if any(METRICS[name].bags for name in names):
        levels[True] = bag_scores(scores, labels, bags)[:2]
    values: Values = {}
    for name in names:
        values.update(METRICS[name].compute(*levels[METRICS[name].bags]))
    return values
