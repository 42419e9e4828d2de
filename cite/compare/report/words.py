"""What figures and shots are called, and how their values are written."""

from typing import NamedTuple

from cite.compare.folder.outcome import Shots
from cite.compare.statistics.bootstrap import Interval
from cite.core.evaluation.figures import LESS_IS_BETTER


class Words(NamedTuple):
    """Names of a figure, its unit, and how many decimals its values get."""

    name: str
    short: str
    unit: str
    decimals: int
    less_is_better: bool

    def write(self, value: float, sign: bool = False) -> str:
        """Write a value; a dash for NaN and a true minus."""
        if value != value:
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
FIGURE_WORDS = {
    key: Words(*names, less_is_better=key in LESS_IS_BETTER)
    for key, names in _NAMES.items()
}


def shots_words(shots: Shots) -> str:
    """Say how many training slides of each class there are."""
    if shots is None:
        return 'none'
    return str(shots)


def slides_words(shots: Shots) -> str:
    """Say the same as a phrase."""
    if shots is None:
        return 'no training slides'
    if shots == 'all':
        return 'all training slides'
    return f'{shots} training slide{"" if shots == 1 else "s"} a class'


def count(number: int, thing: str) -> str:
    """Write a number and its thing, in the plural where it is one.

    >>> count(1, 'slide'), count(2, 'class')
    ('1 slide', '2 classes')
    """
    ending = '' if number == 1 else 'es' if thing.endswith('s') else 's'
    return f'{number:,} {thing}{ending}'


def p_words(p: float) -> str:
    """Write a p-value.

    >>> p_words(0.0004), p_words(0.0321)
    ('<\u202f0.001', '0.032')
    """
    return '<\u202f0.001' if p < 0.001 else f'{p:.3f}'
