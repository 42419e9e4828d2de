"""What a reader should take away, and what should make them careful."""

from collections.abc import Iterator, Sequence
from typing import Optional

import numpy as np

from cite.compare.folder.results import Results, Shots
from cite.compare.statistics.summary import Summary, Test
from cite.core.messages import count

from .convergence import MARK, marked
from .words import METRIC_LABELS, REASONS, shots_words, slides_words

FEW_SLIDES = 20  # with fewer in a class, each changes the means over classes a lot


def findings(results: Results, summary: Summary) -> list[str]:
    """Name the leading method at each number of shots, and what the tests show.

    The first sentence also counts the comparisons that differ.
    """
    metric = summary.metrics[0]
    label = METRIC_LABELS[metric]
    reference = results.reference_label
    sentences = []
    for shots in results.shots[::-1]:
        ranked = _ranked(results, summary, metric, shots)
        if shots is None or len(ranked) < 2:
            continue
        best, value = ranked[0]
        text = (
            f'With {slides_words(shots)}, {results.methods[best]} has the best '
            f'{_lower(label.name)}: {label.write_interval(value)} {label.unit}'
        )
        reference_value = dict(ranked).get(results.reference)
        if best != results.reference and reference_value is not None:
            test = summary.tests.get(('slide', best, shots, metric))
            text += f'; {reference} has {label.write_interval(reference_value)}, '
            text += f'and {_shown(test)}'
        sentences.append(f'{text}.')
    tests = summary.family('slide', metric)
    if tests:
        counted = _tested(tests, reference)
        sentences[:1] = ['; '.join([*(s.rstrip('.') for s in sentences[:1]), counted])]
    return sentences


def _shown(test: Optional[Test]) -> str:
    """Say what the test of a leading method against the reference shows."""
    if test is None or (not test.tested and not test.models):
        return 'the difference is not tested'
    if test.models:
        return 'only these trained models are compared, not the methods'
    return 'the two differ' if test.significant else 'no difference is shown'


def _tested(tests: Sequence[Test], reference: str) -> str:
    """Count the comparisons of one metric, and those that differ."""
    label = METRIC_LABELS[tests[0].metric]
    good = -1 if label.less_is_better else 1
    tested = [t for t in tests if t.tested]
    differ = [t for t in tested if t.significant]
    better = sum(good * t.difference.estimate > 0 for t in differ)
    asked = (
        f'{count(len(tests), "comparison")} with {reference} on {_lower(label.name)}'
    )
    if not tested:
        return f'none of {asked} can be tested.'
    verb = 'differs' if len(tests) == 1 or len(differ) == 1 else 'differ'
    text = f'{len(differ)} of {asked} {verb} after Holm’s correction'
    if differ:
        text += f' ({better} better, {len(differ) - better} worse)'
    left = len(tests) - len(tested)
    return f'{text}, and {left} cannot be tested.' if left else f'{text}.'


def _lower(name: str) -> str:
    return name if name[:2].isupper() else name[:1].lower() + name[1:]


def _ranked(results: Results, summary: Summary, metric: str, shots: Shots) -> list:
    """Return methods and values with so many training slides or none, best first."""
    values = []
    for method in results.methods:
        line = summary.line(method, metric)
        cell = line.get(shots, line.get(None))
        if cell and not np.isnan(cell.value.estimate):
            values.append((method, cell.value))
    sign = 1 if METRIC_LABELS[metric].less_is_better else -1
    return sorted(values, key=lambda pair: sign * pair[1].estimate)


def cautions(results: Results, summary: Summary) -> list[str]:
    """List what weakens this comparison."""
    return [
        *_about_runs(results),
        *_about_training(results),
        *_about_slides(results),
        *_about_intervals(results, summary),
    ]


def _about_runs(results: Results) -> Iterator[str]:
    """Name missing and failed runs, and unequal numbers of runs."""
    if results.reference not in results.methods:
        yield (
            f'{results.reference_label}, the reference, has no finished run: nothing '
            'is tested.'
        )
    if results.failures:
        yield (
            f'{count(len(results.failures), "job")} failed (jobs/…/log.txt gives the '
            'reason): a method that fails on hard draws looks better than it is.'
        )
    trained = [shots for shots in results.shots if shots is not None]
    runs = {len(results.of(m, shots)) for m in results.methods for shots in trained}
    if len(runs - {0}) > 1:
        yield (
            'Methods or shots have different numbers of runs. Tests use the draws and '
            'seeds that both have; the table uses all.'
        )


def _about_training(results: Results) -> Iterator[str]:
    """Name the methods that may be under-trained."""
    reasons: dict[str, list[str]] = {}
    for (method, shots), verdict in marked(results).items():
        words = f'{results.methods[method]} ({shots_words(shots)})'
        reasons.setdefault(verdict, []).append(words)
    for verdict, rows in reasons.items():
        yield (
            f'{MARK} Perhaps not trained to the end, because the last training loss is '
            f'{verdict}: {", ".join(rows)}. More steps may change these rows.'
        )


def _about_slides(results: Results) -> Iterator[str]:
    """Name the classes with few test slides; warn of unknown patients."""
    members = np.bincount(results.labels, minlength=len(results.classes))
    rare = [f'{n} ({m})' for n, m in zip(results.classes, members) if m < FEW_SLIDES]
    if rare:
        yield (
            f'Few test slides: {", ".join(rare)}. Each changes the balanced accuracy '
            'and macro F1 a lot.'
        )
    if not any(results.patients):
        yield (
            'Patients are not known: slides count as independent. If some are of one '
            'patient, the intervals are too narrow.'
        )


def _about_intervals(results: Results, summary: Summary) -> Iterator[str]:
    """Say why some values have no interval or no test, and what draws share."""
    outcomes = (*summary.cells.values(), *summary.tests.values())
    reasons = {one.reason for one in outcomes} | {
        'draws' for one in outcomes if one.models
    }
    yield from (text for reason, text in REASONS.items() if reason in reasons)
    overlap = results.settings.get('overlap', {}).items()
    shared = [
        f'{100 * share:.0f} % with {slides_words(int(k) if k.isdigit() else k)}'
        for k, share in overlap
        if share
    ]
    if shared:
        yield (
            'Two draws of training slides share slides, because they are chosen from '
            f'the same few: {", ".join(shared)}. So the intervals are wider.'
        )
