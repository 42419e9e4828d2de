"""How the tables and the report write metrics, their values and shots."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from cite.compare.folder.results import Shots
from cite.compare.statistics.interval import Interval
from cite.compare.statistics.judge import (
    FEW_FOR_TAIL,
    FEW_OF_CLASS,
    FEW_PATIENTS,
)
from cite.core.evaluation.metrics import LESS_IS_BETTER
from cite.core.messages import count


class MetricLabel(NamedTuple):
    """Names of a metric, its unit, and the decimals of its values."""

    name: str
    short: str
    unit: str
    decimals: int
    less_is_better: bool

    def write(self, value: float, sign: bool = False) -> str:
        """Write a value with a true minus; a dash for NaN."""
        if np.isnan(value):
            return '–'
        text = f'{value:{"+" if sign else ""}.{self.decimals}f}'
        zero = f'{0:.{self.decimals}f}'
        return zero if text.lstrip('+-') == zero else text.replace('-', '−')

    def write_interval(self, interval: Interval, sign: bool = False) -> str:
        """Write ``estimate [low, high]``, or the estimate alone."""
        estimate, low, high = (self.write(x, sign) for x in interval)
        return estimate if np.isnan(interval.low) else f'{estimate} [{low}, {high}]'


def if_any(intervals: Iterable[Interval], text: str) -> str:
    """Return what is said of intervals, or nothing if there is none."""
    return '' if all(np.isnan(one.low) for one in intervals) else text


_NAMES = {
    'accuracy': ('Accuracy', 'Acc.', '%', 1),
    'mean_accuracy': ('Balanced accuracy', 'Bal. acc.', '%', 1),
    'f1': ('Macro F1', 'F1', '%', 1),
    'auroc': ('AUROC, one against the rest', 'AUROC', '%', 1),
    'kappa': ('Quadratic weighted kappa', 'Kappa', '× 100', 1),
    'ece': ('Expected calibration error', 'ECE', '%', 1),
    'ece_debiased': ('Debiased calibration error', 'ECE deb.', '%', 1),
    'nll': ('Negative log-likelihood', 'NLL', 'nats', 3),
}
METRIC_LABELS = {
    key: MetricLabel(*names, less_is_better=key in LESS_IS_BETTER)
    for key, names in _NAMES.items()
}


WITH_INTERVALS = ' with 95 % intervals'
#: What a method's interval and test are about.
QUESTION = 'what the method would do on new patients, trained on new slides'
#: Why there is no interval, or an interval and no test (``Verdict.reason``).
REASONS = {
    'draws': 'With fewer than five different draws of training slides (†), values and '
    'differences are those of these trained models: their intervals say what they '
    'would do on new patients, not what the methods would do with other training '
    'slides. So there is no p-value and no star.',
    'patients': f'With fewer than {FEW_PATIENTS} patients there is no interval, no '
    'p-value and no star: so few do not show how much patients differ.',
    'tail': f'With fewer than {FEW_FOR_TAIL} patients the negative log-likelihood has '
    'no interval and no star: a single confident mistake decides it.',
    'class': f'A class with fewer than {FEW_OF_CLASS} patients: balanced accuracy, '
    'macro F1, AUROC and kappa have no interval and no star, because each of these '
    'patients may change them a lot.',
    'biased': 'The calibration errors have no interval and no star: they come from '
    'bins and are never below 0, and a bootstrap holds the true error too seldom.',
    'end': 'A value at the end of its scale (such as 100 %), or one that is the same '
    'without any of the patients, has no interval.',
    'undefined': 'A metric that is undefined, or would be without one of the patients, '
    'has no interval.',
}


def shots_words(shots: Shots) -> str:
    """Write the number of training slides of each class, as in a table's cell."""
    return 'none' if shots is None else str(shots)


def slides_words(shots: Shots) -> str:
    """Write the same as a phrase.

    >>> slides_words(1), slides_words(11), slides_words('all')
    ('1 training slide a class', '11 training slides a class', 'all training slides')
    """
    if shots is None:
        return 'no training slides'
    if isinstance(shots, str):
        return 'all training slides'
    return f'{count(shots, "training slide")} a class'


def p_words(p: float) -> str:
    """Write a p-value; a dash for NaN.

    >>> p_words(0.0004), p_words(0.0321)
    ('<\u202f0.001', '0.032')
    """
    if np.isnan(p):
        return '–'
    return '<\u202f0.001' if p < 0.001 else f'{p:.3f}'
