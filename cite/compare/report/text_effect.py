"""What the class texts gave: their meaning, and the pattern of their similarities."""

from collections.abc import Sequence
from typing import Optional

import numpy as np

from cite.compare.folder.results import Results
from cite.compare.folder.training import Vectors
from cite.compare.statistics.interval import Interval
from cite.compare.statistics.summary import Summary, Test

from .words import METRIC_LABELS, MetricLabel, if_any, p_words, slides_words

#: What each control takes away, and the question that it answers.
QUESTIONS = {
    'rotated': (
        'Did the meaning of the texts make a difference?',
        'rotated texts, which keep how alike the classes are and lose what they mean',
    ),
    'permuted': (
        'Did it matter which class has which text?',
        'the same texts dealt to the wrong classes',
    ),
}
SAME_PATTERN = 1e-4  # cosines that differ by less are equal


def text_effect(results: Results, summary: Summary) -> list[tuple[str, str]]:
    """Answer what the texts gave, for each method with controls.

    Args:
        results: contents of the comparison's folder.
        summary: their metrics, intervals and tests.

    Returns:
        Questions and answers; one pair that says so where no control ran.
    """
    pairs = []
    for method, kinds in results.controls.items():
        for kind, (question, control) in QUESTIONS.items():
            tests = _tests(summary, method, kinds.get(kind))
            label = results.methods[method]
            answer = _answer(tests, summary.metrics[0], label, control)
            if kind == 'permuted':
                answer += _same_pattern(results, kinds[kind]) if kind in kinds else ''
            pairs.append((question, answer))
    pairs = pairs or [('Did the texts make a difference?', _no_controls(results))]
    return [*pairs, *_wordings(results, summary)]


def _wordings(results: Results, summary: Summary) -> list[tuple[str, str]]:
    """Say how much the wording decides, where rows use single descriptions.

    Rows belong together that differ in ``description`` alone. Source: Lu et al.,
    *MI-Zero*, CVPR 2023, whose wordings of one task differ by half of all slides.
    """
    groups: dict[str, list[str]] = {}
    for name in results.methods:
        values = results.settings['methods'][name]
        options = values.get('options')
        if isinstance(options, dict) and options.get('description'):
            same = {key: x for key, x in options.items() if key != 'description'}
            of = repr((values.get('type'), values.get('config'), sorted(same.items())))
            groups.setdefault(of, []).append(name)
    answers = [_spread(results, summary, n) for n in groups.values() if len(n) > 1]
    return [('How much does the wording decide?', answer) for answer in answers]


def _spread(results: Results, summary: Summary, names: Sequence[str]) -> str:
    """Write the least and the most of methods that differ in their wording."""
    metric = summary.metrics[0]
    label = METRIC_LABELS[metric]
    parts = []
    for shots in results.shots:
        cells = (summary.line(name, metric).get(shots) for name in names)
        values = [cell.value.estimate for cell in cells if cell]
        known = [value for value in values if not np.isnan(value)]
        if known:
            low, high = label.write(min(known)), label.write(max(known))
            parts.append(f'{low} to {high} {label.unit} ({slides_words(shots)})')
    labels = ', '.join(results.methods[name] for name in names)
    return (
        f'{label.name} of {len(names)} single descriptions: {"; ".join(parts)}. They '
        f'differ in the texts alone: {labels}.'
    )


def _no_controls(results: Results) -> str:
    if 'controls' not in results.settings:
        return 'This cannot be said: the folder is of a version without controls.'
    if results.settings['controls']:
        return 'This cannot be said yet: no run of the method with texts is finished.'
    return (
        'This cannot be said: no controls ran. Either they were switched off '
        '(controls=False), or no method trains on texts. A difference between methods '
        'with and without texts is then no proof that the texts helped.'
    )


def _tests(summary: Summary, method: str, control: Optional[str]) -> list[Test]:
    """Return the tests of a control on slides, in the order of the shots."""
    metric = summary.metrics[0]
    tests = summary.controls.get(method, {})
    keys = (('slide', control, shots, metric) for shots in summary.shots)
    return [tests[key] for key in keys if key in tests]  # type: ignore[index]


def _answer(tests: Sequence[Test], metric: str, method: str, control: str) -> str:
    if not tests:
        return 'This cannot be said: the control has no finished run.'
    label = METRIC_LABELS[metric]
    shown = '; '.join(_difference(test, label) for test in tests)
    return (
        f'{_verdict(tests, label)} {method} minus the same with {control}, '
        f'{label.name.lower() if label.name[1].islower() else label.name} in '
        f'{label.unit}: {shown}.'
    )


def _verdict(tests: Sequence[Test], label: MetricLabel) -> str:
    """Say in a word or two what the tests of a control show."""
    tested = [test for test in tests if test.tested]
    if not tested:
        return 'Not known: with these draws and patients it cannot be tested.'
    # The test is control minus method, so a method that is better has less.
    sign = 1 if label.less_is_better else -1
    differ = [test for test in tested if test.significant]
    better = {sign * test.difference.estimate > 0 for test in differ}
    if not differ:
        rest = '; the intervals say what is still possible'
        bounds = if_any((test.difference for test in tests), rest)
        return f'Not shown: no difference is significant{bounds}.'
    if better == {True}:
        return 'Yes.'
    return 'Yes, but for the worse.' if better == {False} else 'Yes, both ways.'


def _difference(test: Test, label: MetricLabel) -> str:
    """Write a method minus its control with the interval and the p-value."""
    value, low, high = test.difference
    text = label.write_interval(Interval(-value, -high, -low), sign=True)
    if test.tested:
        sure = f'p {p_words(test.adjusted)} after Holm’s correction'
        sure = sure.replace('p <', 'p < ').replace('p < \u202f', 'p <\u202f')
    else:
        sure = 'these trained models only' if test.models else 'not tested'
    return f'{text} with {slides_words(test.shots)} ({sure})'


def _same_pattern(results: Results, control: str) -> str:
    """Say that dealing texts to other classes has changed no cosine, if so."""
    pairs = [
        (training.texts, training.vectors)
        for run in results.runs
        if run.method == control
        for training in run.trainings
        if training.texts and training.vectors
    ]
    if not pairs:
        return ''
    moved = max(float(np.abs(a.cosines - b.cosines).max()) for a, b in pairs)
    if moved >= SAME_PATTERN:
        return ''
    return (
        ' These texts are all equally alike (or there are two), so dealing them to '
        'other classes changes no similarity: this control says nothing more than the '
        'rotated texts.'
    )


def class_vectors(results: Results) -> list[tuple[str, Vectors]]:
    """Return the class vectors of each method with controls, and of its controls.

    The cosines of random vectors are those of the first run; the others are alike.
    """
    described: list[tuple[str, Vectors]] = []
    for method, kinds in results.controls.items():
        for kind, name in kinds.items():
            first = _first(results, name)
            if first is None:
                continue
            texts, vectors = first
            if not any(label == results.methods[method] for label, _ in described):
                described.append((results.methods[method], texts))
            if kind in ('random', 'matched'):
                described.append((results.methods[name], vectors))
    return described


def _first(results: Results, name: str) -> Optional[tuple[Vectors, Vectors]]:
    for run in results.runs:
        for training in run.trainings:
            if run.method == name and training.texts and training.vectors:
                return training.texts, training.vectors
    return None


def vectors_note(label: str, vectors: Vectors, classes: Sequence[str]) -> str:
    """Describe class vectors in a sentence: their cosines, contrast and temperature."""
    pairs = [
        f'{vectors.cosines[i, j]:.2f} ({classes[i]} – {classes[j]})'.replace(
            '-', '−', 1
        )
        for i in range(len(classes))
        for j in range(i + 1, len(classes))
    ]
    return (
        f'Class vectors of {label}: cosines {", ".join(pairs)}; contrast '
        f'{vectors.contrast:.2f} (of vectors at right angles: 1.41); temperature '
        f'{vectors.temperature:.2f}, so logits are cosines times '
        f'{vectors.factor:.1f}.'
    )
