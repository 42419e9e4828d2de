from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cite.compare.folder.results import Results, Run, Shots
from cite.core.evaluation.metrics import BIASED, SCORE_METRICS

from . import bootstrap
from .bootstrap import Interval, holm, interval, paired_p_value
from .clustered import resampled_metrics
from .summary import ALPHA, LEVELS, Cell, Key, Summary, Test

# A bootstrap's least p-value is 2 / (resamples + 1); Holm's correction multiplies it by
# the number of tests, and half of ALPHA must be within reach.
PER_TEST = round(2 / (ALPHA / 2))


@dataclass(frozen=True)
class _Values:
    """A run's metrics: plain, and in every resample of the slides."""

    run: Run
    plain: dict[str, float]
    resampled: dict[str, np.ndarray]  # (R,)


_Groups = dict[tuple[Shots, str], list[_Values]]  # by shots and method


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
    weights = bootstrap.resample_clusters(len(names), resamples)
    cells: dict[Key, Cell] = {}
    tests: dict[Key, Test] = {}
    for level in LEVELS:
        groups = _groups(results, level, metrics, member, weights)
        for metric in metrics:
            for (shots, method), values in groups.items():
                key = (level, method, shots, metric)
                cells[key] = _cell(key, values)
            tests.update(_tests(level, metric, groups, results.reference, len(names)))
    return Summary(cells, tests, metrics, resamples, len(names))


def _resamples(results: Results) -> int:
    """Return the number of resamples: as configured, or more for many tests."""
    trained = [s for s in results.shots if s is not None]
    tests = (len(results.methods) - 1) * max(len(trained), 1)
    return max(int(results.settings['resamples']), PER_TEST * tests)


def _groups(
    results: Results,
    level: str,
    metrics: Sequence[str],
    member: np.ndarray,
    weights: np.ndarray,
) -> _Groups:
    """Compute the metrics of all runs that have scores at a level."""
    groups: _Groups = {(s, m): [] for s in results.shots for m in results.methods}
    for run in results.runs:
        scores, labels, clusters = run.scores, results.labels, member
        if level == 'patch':
            patches = results.patches(run)
            if patches is None:
                continue
            scores, labels = patches.scores, patches.labels
            clusters = member[patches.slide]
        many = resampled_metrics(metrics, scores, labels, clusters, weights)
        resampled = {name: v.astype(np.float32) for name, v in many.items()}
        plain = {name: SCORE_METRICS[name](scores, labels) for name in metrics}
        groups[run.shots, run.method].append(_Values(run, plain, resampled))
    return {key: values for key, values in groups.items() if values}


def _over_runs(runs: Sequence[Run], values: Sequence[np.ndarray]) -> np.ndarray:
    """Average values of M runs, (R,) each, over resampled runs: (R,)."""
    resampled = np.stack(values)  # (M, R)
    draws = [run.draw for run in runs]
    times = bootstrap.resample_runs(draws, resampled.shape[1])
    return bootstrap.over_runs(resampled, times)


def _distribution(metric: str, estimate: float, resampled: np.ndarray) -> np.ndarray:
    return bootstrap.reflect(estimate, resampled) if metric in BIASED else resampled


def _interval(metric: str, estimate: float, resampled: np.ndarray) -> Interval:
    bounds = interval(estimate, _distribution(metric, estimate, resampled))
    if metric not in BIASED or np.isnan(bounds.high):
        return bounds
    # Mirrored errors may be below 0, and all of them below the estimate.
    return bounds._replace(low=max(bounds.low, 0), high=max(bounds.high, estimate))


def _cell(key: Key, values: Sequence[_Values]) -> Cell:
    metric, runs = key[-1], [v.run for v in values]
    plain = tuple(v.plain[metric] for v in values)
    resampled = _over_runs(runs, [v.resampled[metric] for v in values])
    value = _interval(metric, float(np.mean(plain)), resampled)
    return Cell(*key, len(runs), len({run.draw for run in runs}), value, plain)


def _tests(
    level: str, metric: str, groups: _Groups, reference: str, clusters: int
) -> dict[Key, Test]:
    tests = {}
    for (shots, method), values in groups.items():
        for at, name in groups:
            if name != reference or method == reference:
                continue
            if at == shots or shots is None or at is None:
                pairs = _pairs(values, groups[at, reference])
                key = (level, method, at if shots is None else shots, metric)
                if pairs:
                    tests[key] = _test(key, pairs, clusters)
    adjusted = holm([test.p for test in tests.values()])
    return {
        key: replace(test, adjusted=float(p))
        for (key, test), p in zip(tests.items(), adjusted)
    }


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


def _test(key: Key, pairs: Sequence[tuple[_Values, _Values]], clusters: int) -> Test:
    metric = key[-1]
    estimate = float(np.mean([a.plain[metric] - b.plain[metric] for a, b in pairs]))
    differences = [a.resampled[metric] - b.resampled[metric] for a, b in pairs]
    runs = [b.run if a.run.shots is None else a.run for a, b in pairs]
    difference = _distribution(metric, estimate, _over_runs(runs, differences))
    return Test(
        *key,
        runs=len(runs),
        draws=len({run.draw for run in runs}),
        difference=interval(estimate, difference),
        p=paired_p_value(difference, clusters),
        adjusted=float('nan'),
    )
