"""From the predictions of all runs to metrics, intervals and tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Optional

import numpy as np

from cite.compare.folder.results import Results, Run, Shots
from cite.core.evaluation.metrics import BIASED, SCORE_METRICS

from .bootstrap import (
    Interval,
    interval,
    over_runs,
    reflect,
    resample_clusters,
    resample_runs,
)
from .clustered import resampled_metrics
from .significance import holm, paired_p_value
from .summary import ALPHA, LEVELS, Cell, Summary, Test

# A bootstrap's least p-value is 2 / (resamples + 1); Holm's correction multiplies it by
# the number of tests, and half of ALPHA must be within reach.
PER_TEST = round(2 / (ALPHA / 2))


@dataclass(frozen=True)
class _Values:
    """A run's metrics: plain, and in every resample of the slides."""

    run: Run
    plain: dict[str, float]
    resampled: dict[str, np.ndarray]  # (R,)


def summarise(results: Results) -> Summary:
    """Compute every metric with its interval, and test methods against the reference.

    Intervals: 95 %, percentile bootstrap over patients (slides where no patient is
    known), and independently over draws of training slides and seeds within a draw. All
    runs are evaluated on the same resamples of the slides. The calibration error has a
    basic interval: see :func:`cite.compare.statistics.bootstrap.reflect`.

    Tests: at each number of shots, a method minus the reference on the draws and seeds
    that both have; a method that is not trained is compared with all runs of the
    reference. Holm's correction is over all tests of one metric at one level.

    Args:
        results: contents of the comparison's folder. Its ``resamples`` are raised if
            so many tests could not come out significant with them.
    """
    metrics = tuple(results.settings['figures'])
    resamples = _resamples(results)
    names, member = np.unique(results.clusters, return_inverse=True)
    weights = resample_clusters(len(names), resamples)
    cells, tests = {}, {}
    for level in LEVELS:
        values_of = partial(_run_values, results, level, metrics, member, weights)
        groups = {
            (shots, method): [
                run_values
                for run in results.of(method, shots)
                if (run_values := values_of(run))
            ]
            for shots in results.shots
            for method in results.methods
        }
        groups = {key: values for key, values in groups.items() if values}
        for metric in metrics:
            for (shots, method), values in groups.items():
                cell = _cell(level, method, shots, metric, values)
                cells[level, method, shots, metric] = cell
            for test in _tests(level, metric, groups, results.reference, len(names)):
                tests[level, test.method, test.shots, metric] = test
    return Summary(cells, tests, metrics, resamples, len(names))


def _resamples(results: Results) -> int:
    """Return the number of resamples: as configured, or more for many tests."""
    trained = [s for s in results.shots if s is not None]
    tests = (len(results.methods) - 1) * max(len(trained), 1)
    return max(int(results.settings['resamples']), PER_TEST * tests)


def _run_values(
    results: Results,
    level: str,
    metrics: Sequence[str],
    member: np.ndarray,
    weights: np.ndarray,
    run: Run,
) -> Optional[_Values]:
    """Return a run's metrics; None if the level has no scores of it."""
    scores, labels, clusters = run.scores, results.labels, member
    if level == 'patch':
        patches = results.patches(run)
        if patches is None:
            return None
        scores, labels, clusters = patches.scores, patches.labels, member[patches.slide]
    resampled = resampled_metrics(metrics, scores, labels, clusters, weights)
    plain = {name: SCORE_METRICS[name](scores, labels) for name in metrics}
    return _Values(run, plain, {k: v.astype(np.float32) for k, v in resampled.items()})


def _draws(values: Sequence[_Values]) -> list[int]:
    return [v.run.draw for v in values]


def _distribution(metric: str, estimate: float, resampled: np.ndarray) -> np.ndarray:
    return reflect(estimate, resampled) if metric in BIASED else resampled


def _interval(metric: str, estimate: float, resampled: np.ndarray) -> Interval:
    bounds = interval(estimate, _distribution(metric, estimate, resampled))
    if metric not in BIASED or np.isnan(bounds.high):
        return bounds
    # Mirrored errors may be below 0, and all of them below the estimate.
    return bounds._replace(low=max(bounds.low, 0), high=max(bounds.high, estimate))


def _cell(
    level: str, method: str, shots: Shots, metric: str, values: Sequence[_Values]
) -> Cell:
    resampled = np.stack([v.resampled[metric] for v in values])  # (M, R)
    runs = resample_runs(_draws(values), resampled.shape[1])
    plain = tuple(v.plain[metric] for v in values)
    value = _interval(metric, float(np.mean(plain)), over_runs(resampled, runs))
    draws = len(set(_draws(values)))
    return Cell(level, method, shots, metric, value, plain, draws)


def _tests(
    level: str,
    metric: str,
    groups: dict[tuple[Shots, str], list[_Values]],
    reference: str,
    clusters: int,
) -> list[Test]:
    drafts = []
    for (shots, method), values in groups.items():
        for at, name in groups:
            if name != reference or method == reference:
                continue
            if at == shots or shots is None or at is None:
                pairs = _pairs(values, groups[at, reference])
                label = at if shots is None else shots
                drafts.append(_test(level, method, label, metric, pairs, clusters))
    tests = [test for test in drafts if test is not None]
    adjusted = holm([test.p for test in tests])
    return [
        Test(**{**vars(test), 'adjusted': float(p)}) for test, p in zip(tests, adjusted)
    ]


def _pairs(
    method: Sequence[_Values], reference: Sequence[_Values]
) -> list[tuple[_Values, _Values]]:
    """Pair runs of the same draw and seed; an untrained method's run with every one."""
    if method[0].run.shots is None:
        return [(method[0], other) for other in reference]
    if reference[0].run.shots is None:
        return [(one, reference[0]) for one in method]
    by_run = {(v.run.draw, v.run.seed): v for v in reference}
    keys = [(v.run.draw, v.run.seed) for v in method]
    return [(v, by_run[key]) for v, key in zip(method, keys) if key in by_run]


def _test(
    level: str,
    method: str,
    shots: Shots,
    metric: str,
    pairs: Sequence[tuple[_Values, _Values]],
    clusters: int,
) -> Optional[Test]:
    if not pairs:
        return None
    plain = [a.plain[metric] - b.plain[metric] for a, b in pairs]
    resampled = np.stack([a.resampled[metric] - b.resampled[metric] for a, b in pairs])
    trained = [b if a.run.shots is None else a for a, b in pairs]
    runs = resample_runs(_draws(trained), resampled.shape[1])
    estimate = float(np.mean(plain))
    difference = _distribution(metric, estimate, over_runs(resampled, runs))
    return Test(
        level=level,
        method=method,
        shots=shots,
        metric=metric,
        difference=interval(estimate, difference),
        p=paired_p_value(difference, clusters),
        adjusted=float('nan'),
        runs=len(pairs),
        draws=len(set(_draws(trained))),
    )
