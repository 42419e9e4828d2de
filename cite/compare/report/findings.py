"""What a reader should take away, and what should make them careful."""

import numpy as np

from cite.compare.folder.outcome import Outcome, Shots
from cite.compare.statistics.summary import ALPHA, FEW_PATIENTS, Summary

from .words import FIGURE_WORDS, count, p_words, slides_words


def findings(outcome: Outcome, summary: Summary) -> list[str]:
    """Say which method leads at each number of shots, and what the tests show."""
    figure = summary.figures[0]
    words = FIGURE_WORDS[figure]
    reference = outcome.reference_label
    sentences = []
    for shots in outcome.shots[::-1]:
        ranked = _ranked(outcome, summary, figure, shots)
        if shots is None or len(ranked) < 2:
            continue
        best, value = ranked[0]
        text = (
            f'With {slides_words(shots)}, {outcome.methods[best]} has the best '
            f'{_lower(words.name)}: {words.write_interval(value)} {words.unit}'
        )
        own = dict(ranked).get(outcome.reference)
        if best != outcome.reference and own is not None:
            test = summary.tests.get(('slide', best, shots, figure))
            shown = test is not None and test.significant
            text += f'; {reference} has {words.write_interval(own)}, '
            text += 'and the two differ' if shown else 'and no difference is shown'
        sentences.append(f'{text}.')
    tests = summary.family('slide', figure)
    if tests:
        good = -1 if words.less_is_better else 1
        differ = [t for t in tests if t.significant]
        better = sum(good * t.difference.estimate > 0 for t in differ)
        sentences.append(
            f'Of {count(len(tests), "comparison")} with {reference} on '
            f'{_lower(words.name)}, {len(differ)} differ after Holm’s correction: '
            f'{better} better, {len(differ) - better} worse.'
        )
    return sentences


def _lower(name: str) -> str:
    return name if name[:2].isupper() else name[:1].lower() + name[1:]


def _ranked(outcome: Outcome, summary: Summary, figure: str, shots: Shots) -> list:
    """Return methods and values with so many training slides or none, best first."""
    cells = {
        method: summary.cells.get(
            ('slide', method, shots, figure),
            summary.cells.get(('slide', method, None, figure)),
        )
        for method in outcome.methods
    }
    known = [(method, cell.value) for method, cell in cells.items() if cell]
    sign = 1 if FIGURE_WORDS[figure].less_is_better else -1
    known = [(m, v) for m, v in known if v.estimate == v.estimate]
    return sorted(known, key=lambda pair: sign * pair[1].estimate)


def cautions(outcome: Outcome, summary: Summary) -> list[str]:
    """Say what weakens this comparison."""
    lines = []
    if outcome.reference not in outcome.methods:
        lines.append(
            f'{outcome.reference_label}, the reference, has no finished run: nothing '
            'is tested.'
        )
    if outcome.failures:
        lines.append(
            f'{count(len(outcome.failures), "job")} failed (jobs/…/log.txt says why): '
            'a method that fails on hard draws looks better than it is.'
        )
    few = [cell.draws for cell in summary.cells.values() if cell.few_draws]
    if few:
        lines.append(
            f'Some methods have only {count(min(few), "draw")} of training slides '
            '(†): so few say little about the spread between draws, and the intervals '
            'are too narrow.'
        )
    number = (
        len(
            {
                len(outcome.of(m, s))
                for m in outcome.methods
                for s in outcome.shots
                if s is not None and outcome.of(m, s)
            }
        )
        > 1
    )
    if number:
        lines.append(
            'Methods or shots have different numbers of runs. Tests use the draws and '
            'seeds that both have; the table uses all.'
        )
    members = np.bincount(outcome.labels, minlength=len(outcome.classes))
    rare = [f'{n} ({m})' for n, m in zip(outcome.classes, members) if m < 20]
    if rare:
        lines.append(
            f'Few test slides: {", ".join(rare)}. Each moves the balanced accuracy and '
            'macro F1 much.'
        )
    if any(outcome.patients) and summary.clusters < FEW_PATIENTS:
        least = 2.0 ** (1 - summary.clusters)
        tests = len(summary.family('slide', summary.figures[0]))
        star = ', so that none can have a star' if tests * least > ALPHA else ''
        lines.append(
            f'Only {count(summary.clusters, "patient")} among the test slides: a '
            'bootstrap over so few shows less doubt than there is. The intervals are '
            f'too narrow; p cannot be below {p_words(least)}, and Holm multiplies the '
            f'least of {count(tests, "comparison")} by as many{star}.'
        )
    if not any(outcome.patients):
        lines.append(
            'Patients are not known: slides count as independent. If some are of one '
            'patient, the intervals are too narrow.'
        )
    return lines
