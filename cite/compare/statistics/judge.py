"""What may be said of a metric: an interval and a p-value, or the reason for none.

``summarise`` calls this on a comparison's folder, ``benchmarks/levels.py`` on made-up
methods, so what is simulated is what is reported.
"""

from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

import numpy as np

from cite.core.evaluation.metrics import BIASED

from .interval import Interval, Variance, half_width, p_value, variance

FEW_DRAWS = 5  # with fewer, nothing is said about the methods
FEW_PATIENTS = 10  # with fewer, nothing at all
FEW_FOR_TAIL = 20  # with fewer, nothing about a mean that single patients decide
FEW_OF_CLASS = 7  # patients of a class; with fewer, nothing about means over classes
HEAVY_TAILED = ('nll',)
OF_CLASSES = ('mean_accuracy', 'f1', 'auroc', 'kappa')


class Sample(NamedTuple):
    """A metric of M runs on the same patients."""

    draws: np.ndarray  # (M,) choice of training slides of each run
    values: np.ndarray  # (M,)
    without: Optional[np.ndarray]  # (M, C) with each patient left out

    def minus(self, other: 'Sample') -> 'Sample':
        """Subtract another sample's runs, in the same order."""
        if self.without is None or other.without is None:
            return Sample(self.draws, self.values - other.values, None)
        without = self.without - other.without
        return Sample(self.draws, self.values - other.values, without)

    def by_draw(self) -> 'Sample':
        """Average over the seeds of each draw."""
        names, place = np.unique(self.draws, return_inverse=True)
        share = (place == np.arange(len(names))[:, None]).astype(np.float64)
        share /= share.sum(1, keepdims=True)  # (J, M)
        without = None if self.without is None else share @ self.without
        return Sample(names, share @ self.values, without)


class Terms(NamedTuple):
    """What a comparison's intervals rest on."""

    patients: int  # C
    of_class: int  # patients of the class that has the fewest
    trained: bool  # whether draws of training slides play a part
    overlap: float = 0.0  # share of the training slides that two draws have in common


class Verdict(NamedTuple):
    """An estimate with its interval, and what they are about."""

    value: Interval
    p: float  # NaN if nothing is tested
    models: bool  # about these trained models, not about the methods
    reason: str  # why there is no interval, or no p; '' if there are both


def judge(metric: str, sample: Sample, terms: Terms, paired: bool) -> Verdict:
    """Give a metric's mean over draws its interval, or a difference its test.

    With at least five draws of training slides, the interval is about the method: on
    new patients, and trained on new slides. With fewer, it is about these trained
    models on new patients, and there is no test.

    Args:
        metric: key of :data:`cite.core.evaluation.metrics.SCORE_METRICS`.
        sample: its runs; for a difference, those of one method minus the other's.
        terms: what the interval rests on.
        paired: whether the sample is a difference.
    """
    sample = sample.by_draw()
    estimate = float(sample.values.mean())
    alike = terms.overlap >= 1  # all draws hold the same slides
    models = terms.trained and (alike or len(sample.draws) < FEW_DRAWS)
    reason = _reason(metric, estimate, sample, terms)
    if reason or sample.without is None:
        return Verdict(Interval(estimate), float('nan'), models, reason)
    if models:  # their mean, as if it were one draw
        of = variance(np.array([estimate]), sample.without.mean(0, keepdims=True))
    else:
        of = variance(sample.values, sample.without, terms.overlap)
    if not paired:
        return _of_method(metric, estimate, of, models)
    half = float(half_width(of))
    value = Interval(estimate, estimate - half, estimate + half)
    if models:
        return Verdict(value, float('nan'), True, 'draws')
    return Verdict(value, p_value(estimate, of), False, '')


def _reason(metric: str, estimate: float, sample: Sample, terms: Terms) -> str:
    """Return why the metric can have no interval; '' if it can."""
    if metric in BIASED:
        return 'biased'
    if np.isnan(estimate):
        return 'undefined'
    if terms.patients < FEW_PATIENTS:
        return 'patients'
    if metric in HEAVY_TAILED and terms.patients < FEW_FOR_TAIL:
        return 'tail'
    if metric in OF_CLASSES and terms.of_class < FEW_OF_CLASS:
        return 'class'
    if sample.without is None or np.isnan(sample.without).any():
        return 'undefined'
    return ''


def _of_method(metric: str, estimate: float, of: Variance, models: bool) -> Verdict:
    """Make the interval on a scale without ends: it stays within the metric's range.

    Source: Brown, Cai and DasGupta, *Interval estimation for a binomial proportion*,
    Statistical Science 16(2), 2001, section 4.1, for the logit.
    """
    scale = _SCALES.get(metric, _SHARE)
    if not scale.low < estimate < scale.high or not (of.patients or of.of_draws_alone):
        return Verdict(Interval(estimate), float('nan'), models, 'end')
    half = float(half_width(of)) * scale.slope(estimate)
    middle = scale.there(estimate)
    low, high = (float(scale.back(middle + x)) for x in (-half, half))
    return Verdict(Interval(estimate, low, high), float('nan'), models, '')


class _Scale(NamedTuple):
    low: float
    high: float
    there: Callable[[float], float]
    back: Callable[[float], float]
    slope: Callable[[float], float]


_SHARE = _Scale(
    *(0, 100),
    there=lambda x: np.log(x / (100 - x)),
    back=lambda y: 100 / (1 + np.exp(-y)),
    slope=lambda x: 100 / (x * (100 - x)),
)
_SCALES = {
    'kappa': _Scale(
        *(-100, 100),
        there=lambda x: np.arctanh(x / 100),
        back=lambda y: 100 * np.tanh(y),
        slope=lambda x: 100 / (100**2 - x**2),
    ),
    'nll': _Scale(0, np.inf, there=np.log, back=np.exp, slope=lambda x: 1 / x),
}


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
