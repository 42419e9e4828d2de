"""What a reader should take away, and what should make them careful."""

from collections.abc import Iterator

import numpy as np

from cite.compare.folder.results import Results, Shots
from cite.compare.statistics.summary import ALPHA, FEW_PATIENTS, Summary
from cite.core.messages import count

from .words import METRIC_LABELS, p_words, slides_words

FEW_SLIDES = 20  # with fewer in a class, each changes the means over classes a lot


def findings(results: Results, summary: Summary) -> list[str]:
    """Name the leading method at each number of shots, and what the tests show."""
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
            shown = summary.differs(('slide', best, shots, metric))
            text += f'; {reference} has {label.write_interval(reference_value)}, '
            text += 'and the two differ' if shown else 'and no difference is shown'
        sentences.append(f'{text}.')
    tests = summary.family('slide', metric)
    if tests:
        good = -1 if label.less_is_better else 1
        differ = [t for t in tests if t.significant]
        better = sum(good * t.difference.estimate > 0 for t in differ)
        sentences.append(
            f'{count(len(tests), "comparison")} with {reference} on '
            f'{_lower(label.name)}: {len(differ)} significant after Holm’s correction '
            f'({better} better, {len(differ) - better} worse).'
        )
    return sentences


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
    return [*_about_runs(results, summary), *_about_slides(results, summary)]


def _about_runs(results: Results, summary: Summary) -> Iterator[str]:
    """Name missing and failed runs, few draws, and unequal numbers of runs."""
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
    few = [cell.draws for cell in summary.cells.values() if cell.few_draws]
    if few:
        yield (
            f'Some methods have only {count(min(few), "draw")} of training slides '
            '(†): so few reveal little of the spread between draws, and the intervals '
            'are too narrow.'
        )
    trained = [shots for shots in results.shots if shots is not None]
    runs = {len(results.of(m, shots)) for m in results.methods for shots in trained}
    if len(runs - {0}) > 1:
        yield (
            'Methods or shots have different numbers of runs. Tests use the draws and '
            'seeds that both have; the table uses all.'
        )


def _about_slides(results: Results, summary: Summary) -> Iterator[str]:
    """Name the classes with few test slides; warn of few or unknown patients."""
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
    elif summary.clusters < FEW_PATIENTS:
        least = 2.0 ** (1 - summary.clusters)
        tests = len(summary.family('slide', summary.metrics[0]))
        star = ', so that none can have a star' if tests * least > ALPHA else ''
        yield (
            f'Only {count(summary.clusters, "patient")} among the test slides: a '
            'bootstrap over so few underestimates the uncertainty. The intervals are '
            f'too narrow; p cannot be below {p_words(least)}, and Holm’s correction '
            f'multiplies the least p by the number of comparisons, {tests}{star}.'
        )
