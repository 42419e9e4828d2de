"""From the predictions of all runs to figures, intervals and tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np

from cite.compare.folder.outcome import Outcome, Run, Shots
from cite.core.evaluation.figures import BIASED, FIGURES

from .bootstrap import (
    Interval,
    interval,
    over_runs,
    reflect,
    resample_clusters,
    resample_runs,
)
from .clustered import resampled_figures
from .significance import holm, paired_p_value
from .summary import ALPHA, LEVELS, Cell, Summary, Test

# A bootstrap's least p-value is 2 / (resamples + 1); Holm's correction multiplies it by
# the number of tests, and half of ALPHA must be within reach.
PER_TEST = round(2 / (ALPHA / 2))


@dataclass(frozen=True)
class _Values:
    """A run's figures: plain, and in every resample of the slides."""

    run: Run
    plain: dict[str, float]
    resampled: dict[str, np.ndarray]  # (R,)


def summarise(outcome: Outcome) -> Summary:
    """Compute every figure with its interval, and test methods against the reference.

    Intervals: 95 %, percentile bootstrap over patients (slides where no patient is
    known), and independently over draws of training slides and seeds within a draw. All
    runs meet the same resamples of the slides. The calibration error's is the basic
    one: see :func:`cite.compare.statistics.bootstrap.reflect`.

    Tests: at each number of shots, a method minus the reference on the draws and seeds
    that both have; a method that is not trained stands against all runs of the
    reference. Holm's correction is over all tests of one figure at one level.

    Args:
        outcome: of :func:`.read_outcome.read_outcome`. Its ``resamples``
            are raised where so many tests could not come out significant with them.
    """
    figures = tuple(outcome.settings['figures'])
    resamples = _resamples(outcome)
    names, member = np.unique(outcome.clusters, return_inverse=True)
    weights = resample_clusters(len(names), resamples)
    cells, tests = {}, {}
    for level in LEVELS:
        groups = {
            (shots, method): [
                found
                for run in outcome.of(method, shots)
                if (found := _run_values(outcome, level, run, figures, member, weights))
            ]
            for shots in outcome.shots
            for method in outcome.methods
        }
        groups = {key: values for key, values in groups.items() if values}
        for figure in figures:
            for (shots, method), values in groups.items():
                cell = _cell(level, method, shots, figure, values)
                cells[level, method, shots, figure] = cell
            for test in _tests(level, figure, groups, outcome.reference, len(names)):
                tests[level, test.method, test.shots, figure] = test
    return Summary(cells, tests, figures, resamples, len(names))


def _resamples(outcome: Outcome) -> int:
    """Return how many are needed: those asked for, or more for many tests."""
    trained = [s for s in outcome.shots if s is not None]
    tests = (len(outcome.methods) - 1) * max(len(trained), 1)
    return max(int(outcome.settings['resamples']), PER_TEST * tests)


def _run_values(
    outcome: Outcome,
    level: str,
    run: Run,
    figures: Sequence[str],
    member: np.ndarray,
    weights: np.ndarray,
) -> Optional[_Values]:
    scores, labels, clusters = run.scores, outcome.labels, member
    if level == 'patch':
        patches = outcome.patches(run)
        if patches is None:
            return None
        scores, labels, clusters = patches.scores, patches.labels, member[patches.slide]
    resampled = resampled_figures(figures, scores, labels, clusters, weights)
    plain = {name: float(FIGURES[name](scores, labels, None)[0]) for name in figures}
    return _Values(run, plain, {k: v.astype(np.float32) for k, v in resampled.items()})


def _draws(values: Sequence[_Values]) -> list[int]:
    return [v.run.draw for v in values]


def _distribution(figure: str, estimate: float, resampled: np.ndarray) -> np.ndarray:
    return reflect(estimate, resampled) if figure in BIASED else resampled


def _interval(figure: str, estimate: float, resampled: np.ndarray) -> Interval:
    found = interval(estimate, _distribution(figure, estimate, resampled))
    if figure not in BIASED or found.high != found.high:
        return found
    # Mirrored, an error may come out below 0, and all of them below the estimate.
    return found._replace(low=max(found.low, 0), high=max(found.high, estimate))


def _cell(
    level: str, method: str, shots: Shots, figure: str, values: Sequence[_Values]
) -> Cell:
    resampled = np.stack([v.resampled[figure] for v in values])  # (M, R)
    runs = resample_runs(_draws(values), resampled.shape[1])
    plain = tuple(v.plain[figure] for v in values)
    value = _interval(figure, float(np.mean(plain)), over_runs(resampled, runs))
    draws = len(set(_draws(values)))
    return Cell(level, method, shots, figure, value, plain, draws)


def _tests(
    level: str,
    figure: str,
    groups: dict[tuple[Shots, str], list[_Values]],
    reference: str,
    clusters: int,
) -> list[Test]:
    drafts = []
    for (shots, method), ours in groups.items():
        for at, name in groups:
            if name != reference or method == reference:
                continue
            if at == shots or shots is None or at is None:
                pairs = _pairs(ours, groups[at, reference])
                label = at if shots is None else shots
                drafts.append(_test(level, method, label, figure, pairs, clusters))
    known = [test for test in drafts if test is not None]
    adjusted = holm([test.p for test in known])
    return [
        Test(**{**vars(test), 'adjusted': float(p)}) for test, p in zip(known, adjusted)
    ]


def _pairs(
    ours: Sequence[_Values], theirs: Sequence[_Values]
) -> list[tuple[_Values, _Values]]:
    """Pair runs of the same draw and seed; an untrained method's run with every one."""
    if ours[0].run.shots is None:
        return [(ours[0], other) for other in theirs]
    if theirs[0].run.shots is None:
        return [(one, theirs[0]) for one in ours]
    by_run = {(v.run.draw, v.run.seed): v for v in theirs}
    keys = [(v.run.draw, v.run.seed) for v in ours]
    return [(v, by_run[key]) for v, key in zip(ours, keys) if key in by_run]


def _test(
    level: str,
    method: str,
    shots: Shots,
    figure: str,
    pairs: Sequence[tuple[_Values, _Values]],
    clusters: int,
) -> Optional[Test]:
    if not pairs:
        return None
    plain = [a.plain[figure] - b.plain[figure] for a, b in pairs]
    resampled = np.stack([a.resampled[figure] - b.resampled[figure] for a, b in pairs])
    trained = [b if a.run.shots is None else a for a, b in pairs]
    runs = resample_runs(_draws(trained), resampled.shape[1])
    estimate = float(np.mean(plain))
    difference = _distribution(figure, estimate, over_runs(resampled, runs))
    return Test(
        level=level,
        method=method,
        shots=shots,
        figure=figure,
        difference=interval(estimate, difference),
        p=paired_p_value(difference, clusters),
        adjusted=float('nan'),
        runs=len(pairs),
        draws=len(set(_draws(trained))),
    )
