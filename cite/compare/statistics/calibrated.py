"""Temperature and sets of classes, fitted on training slides that were held out.

Source: Guo et al., arXiv:1706.04599, section 4.2 (temperature); Sadinle, Lei and
Wasserman, JASA 114, 2019 (sets of the least ambiguity).
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from cite.compare.folder.results import Results, Run, Shots
from cite.compare.folder.training import HeldOut
from cite.core.evaluation.conformal import (
    conformal_quantile,
    prediction_sets,
    worst_of_groups,
)
from cite.core.evaluation.metrics import SCORE_METRICS
from cite.core.evaluation.temperature import fit_temperature, soften

ALPHA = 0.1


class Calibrated(NamedTuple):
    """Means over the runs of a method at one number of training slides."""

    method: str
    shots: Shots
    temperature: float  # geometric mean
    ece: float  # percent, before
    ece_after: float
    nll: float  # nats, before
    nll_after: float
    coverage: float  # percent of test slides whose set holds the true class
    size: float  # mean number of classes in a set
    gap: float  # percent: most less least coverage of a class
    units: float  # patients (or slides) that the sets are fitted on
    everything: bool  # so few units that every set is all classes


def calibrated(results: Results) -> list[Calibrated]:
    """Return temperatures and sets of every method with held-out training slides.

    Args:
        results: contents of the comparison's folder.
    """
    rows = []
    for shots in results.shots:
        for method in results.methods:
            runs = [_of_run(run, results.labels) for run in results.of(method, shots)]
            values = [run for run in runs if run is not None]
            if values:
                rows.append(_mean(method, shots, np.array(values)))
    return rows


def _of_run(run: Run, labels: np.ndarray) -> Optional[Sequence[float]]:
    """Return a run's numbers, in the order of :class:`Calibrated`."""
    held = [training.held_out for training in run.trainings]
    parts = [part for part in held if part is not None and _is_enough(part)]
    if not held or len(parts) < len(held):
        return None
    fold = np.zeros(len(labels), dtype=int) if run.fold is None else run.fold
    after = np.array(run.scores, dtype=np.float64)
    sets = np.zeros(after.shape, dtype=bool)
    temperatures, units = [], []
    for i, part in enumerate(parts):
        temperature = fit_temperature(part.scores, part.labels)
        rows = fold == i
        after[rows] = soften(run.scores[rows], temperature)
        misfit = 1 - soften(part.scores, temperature)[_true(part.labels)]
        misfit = worst_of_groups(misfit, part.groups)
        sets[rows] = prediction_sets(after[rows], conformal_quantile(misfit, ALPHA))
        temperatures.append(np.log(temperature))
        units.append(len(misfit))
    covered = sets[_true(labels)]
    of_class = [covered[labels == k].mean() for k in np.unique(labels)]
    ece, nll = SCORE_METRICS['ece'], SCORE_METRICS['nll']
    return [
        float(np.mean(temperatures)),
        *(ece(run.scores, labels), ece(after, labels)),
        *(nll(run.scores, labels), nll(after, labels)),
        *(100 * covered.mean(), sets.sum(1).mean()),
        100 * (max(of_class) - min(of_class)),
        np.mean(units),
        float(all(unit + 1 < 1 / ALPHA for unit in units)),
    ]


def _is_enough(part: HeldOut) -> bool:
    """Tell whether every class has two slides, so that one can be held out."""
    members = np.bincount(part.labels, minlength=part.scores.shape[1])
    return bool((members >= 2).all())


def _true(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(labels)), labels


def _mean(method: str, shots: Shots, values: np.ndarray) -> Calibrated:
    mean = values.mean(0)
    names = Calibrated._fields[3:-1]
    numbers = dict(zip(names, map(float, mean[1:-1])))
    everything = bool(values[:, -1].all())
    temperature = float(np.exp(mean[0]))
    return Calibrated(method, shots, temperature, everything=everything, **numbers)
