"""How the tables and the report write metrics, their values and shots."""

from typing import NamedTuple

import numpy as np

from cite.compare.folder.results import Shots
from cite.compare.statistics.bootstrap import Interval
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
        """Write ``estimate [low, high]``."""
        estimate, low, high = (self.write(x, sign) for x in interval)
        return f'{estimate} [{low}, {high}]'


_NAMES = {
    'accuracy': ('Accuracy', 'Acc.', '%', 1),
    'mean_accuracy': ('Balanced accuracy', 'Bal. acc.', '%', 1),
    'f1': ('Macro F1', 'F1', '%', 1),
    'auroc': ('AUROC, one against the rest', 'AUROC', '%', 1),
    'kappa': ('Quadratic weighted kappa', 'Kappa', '× 100', 1),
    'ece': ('Expected calibration error', 'ECE', '%', 1),
    'nll': ('Negative log-likelihood', 'NLL', 'nats', 3),
}
METRIC_LABELS = {
    key: MetricLabel(*names, less_is_better=key in LESS_IS_BETTER)
    for key, names in _NAMES.items()
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
    """Write a p-value.

    >>> p_words(0.0004), p_words(0.0321)
    ('<\u202f0.001', '0.032')
    """
    return '<\u202f0.001' if p < 0.001 else f'{p:.3f}'
