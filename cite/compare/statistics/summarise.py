from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cite.compare.folder.results import Results, Run, Shots
from cite.core.evaluation.metrics import BIASED, SCORE_METRICS

from .judge import Sample, Terms, holm, judge
from .leave_out import leave_out
from .summary import ASKED, LEVELS, Cell, Key, Summary, Test


@dataclass(frozen=True)
class _Values:
    """A run's metrics: plain, and with each patient left out."""

    run: Run
    plain: dict[str, float]
    without: dict[str, np.ndarray]  # (C,)


_Groups = dict[tuple[Shots, str], list[_Values]]  # by shots and method


def summarise(results: Results) -> Summary:
    """Compute every metric with its interval, and test methods against the reference.

    Intervals and tests are those of :func:`cite.compare.statistics.judge.judge`, over
    patients (slides where no patient is known) and draws of training slides.

    Tests: at each number of shots, a method minus the reference on the draws and seeds
    that both have; a method that is not trained is compared with all runs of the
    reference. Holm's correction is over all tests of one metric at one level. Controls
    are tested against their own method, in a family of their own.

    Args:
        results: contents of the comparison's folder.
    """
    metrics = tuple(results.settings['figures'])
    names, member = np.unique(results.clusters, return_inverse=True)
    of_class = _patients_of_class(results, member)
    terms = {
        shots: Terms(len(names), of_class, shots is not None, _overlap(results, shots))
        for shots in results.shots
    }
    cells: dict[Key, Cell] = {}
    tests: dict[Key, Test] = {}
    of_controls: dict[str, dict[Key, Test]] = {name: {} for name in results.controls}
    for level in LEVELS:
        groups = _groups(results, level, metrics, member, len(names))
        for metric in metrics:
            for (shots, method), values in groups.items():
                key = (level, method, shots, metric)
                cells[key] = _cell(key, values, terms[shots])
            tests.update(_tests(level, metric, groups, results.reference, terms))
            for method, kinds in results.controls.items():
                asked = {method, *(kinds[kind] for kind in ASKED if kind in kinds)}
                own = {key: group for key, group in groups.items() if key[1] in asked}
                of_controls[method].update(_tests(level, metric, own, method, terms))
    return Summary(cells, tests, metrics, len(names), of_controls)


def _patients_of_class(results: Results, member: np.ndarray) -> int:
    """Return how many patients the rarest of the tested classes has."""
    pairs = {*zip(results.labels.tolist(), member.tolist())}
    labels = [label for label, _ in pairs]
    return min(labels.count(label) for label in {*labels})


def _overlap(results: Results, shots: Shots) -> float:
    """Return the share of training slides that two draws have in common."""
    return float(results.settings.get('overlap', {}).get(str(shots), 0.0))


def _groups(
    results: Results,
    level: str,
    metrics: Sequence[str],
    member: np.ndarray,
    size: int,
) -> _Groups:
    """Compute the metrics of all runs that have scores at a level."""
    groups: _Groups = {(s, m): [] for s in results.shots for m in results.methods}
    left_out = [name for name in metrics if name not in BIASED]
    for run in results.runs:
        scores, labels, clusters = run.scores, results.labels, member
        if level == 'patch':
            patches = results.patches(run)
            if patches is None:
                continue
            scores, labels = patches.scores, patches.labels
            clusters = member[patches.slide]
        plain = {name: SCORE_METRICS[name](scores, labels) for name in metrics}
        without = leave_out(left_out, scores, labels, clusters, size)
        groups[run.shots, run.method].append(_Values(run, plain, without))
    return {key: values for key, values in groups.items() if values}


def _sample(metric: str, values: Sequence[_Values], runs: Sequence[Run]) -> Sample:
    draws = np.array([run.draw for run in runs])
    plain = np.array([v.plain[metric] for v in values])
    if metric in BIASED:
        return Sample(draws, plain, None)
    return Sample(draws, plain, np.stack([v.without[metric] for v in values]))


def _cell(key: Key, values: Sequence[_Values], terms: Terms) -> Cell:
    metric, runs = key[-1], [v.run for v in values]
    sample = _sample(metric, values, runs)
    verdict = judge(metric, sample, terms, paired=False)
    return Cell(
        *key,
        runs=len(runs),
        draws=len({run.draw for run in runs}),
        models=verdict.models,
        reason=verdict.reason,
        value=verdict.value,
        of_runs=tuple(sample.values.tolist()),
    )


def _tests(
    level: str,
    metric: str,
    groups: _Groups,
    reference: str,
    terms: Mapping[Shots, Terms],
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
                    tests[key] = _test(key, pairs, terms[key[2]])
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


def _test(key: Key, pairs: Sequence[tuple[_Values, _Values]], terms: Terms) -> Test:
    metric = key[-1]
    runs = [b.run if a.run.shots is None else a.run for a, b in pairs]
    method = _sample(metric, [a for a, _ in pairs], runs)
    reference = _sample(metric, [b for _, b in pairs], runs)
    verdict = judge(metric, method.minus(reference), terms, paired=True)
    return Test(
        *key,
        runs=len(runs),
        draws=len({run.draw for run in runs}),
        models=verdict.models,
        reason=verdict.reason,
        difference=verdict.value,
        p=verdict.p,
        adjusted=float('nan'),
    )
