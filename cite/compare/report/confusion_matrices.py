import textwrap
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from cite.compare.folder.results import Results, Shots
from cite.core.evaluation.confusion import class_recall, confusion

from .marks import Mark, Marks
from .svg import Figure, Table, abbreviate, picture, tag, text_at
from .words import shots_words, slides_words

_LEFT = 118  # room for the names of the rows
_CELLS = 190  # width of all cells


def confusion_figure(results: Results, shots: Shots, looks: Marks) -> Figure:
    """Draw a matrix for each method: slides by class and prediction, over all runs."""
    counts = {
        method: np.mean(
            [confusion(r.scores, results.labels) for r in results.at(method, shots)], 0
        )
        for method in looks
    }
    rows = [
        [looks[m].label, name, *(f'{x:.1f}' for x in row)]
        for m in looks
        for name, row in zip(results.classes, counts[m])
    ]
    head = ['Method', 'Class', *(f'predicted {name}' for name in results.classes)]
    return Figure(
        key=f'confusion-{shots_words(shots)}',
        caption=f'Confusion with {slides_words(shots)}: each row is a class, and shows '
        'which share of its slides is predicted as each class, in percent, mean over '
        f'runs. The diagonal is right.{_about_two(results.classes)}',
        pictures=[_matrix(results.classes, shots, looks[m], counts[m]) for m in looks],
        table=Table('Slides by class and prediction, mean over runs', head, rows),
        size='medium',
    )


def _about_two(names: Sequence[str]) -> str:
    if len(names) != 2:
        return ''
    return (
        f' Sensitivity is the share of “{names[1]}”, the second class, that is found; '
        f'specificity is the share of “{names[0]}” that is not taken for it.'
    )


def _sensitivity(counts: np.ndarray) -> str:
    """Write sensitivity and specificity of two classes; the second is positive."""
    shares = (f'{x:.0f} %' if x == x else '–' for x in class_recall(counts, whole=100))
    specificity, sensitivity = shares
    return f'sensitivity {sensitivity}, specificity {specificity}'


def _matrix(
    names: Sequence[str], shots: Shots, look: Mark, counts: np.ndarray
) -> Markup:
    shares = 100 * counts / np.maximum(counts.sum(1, keepdims=True), 1)  # (K, K)
    left, size = _LEFT, _CELLS / len(names)
    above = [abbreviate(name, 26) for name in names]
    top = 54 + 4.5 * max(map(len, above))  # names at 45° rise as much
    parts = [
        text_at(abbreviate(look.label, 40), 0, 16, 'panel-name'),
        text_at('class', left - 8, top - 10, 'axis-name end'),
        text_at('predicted', left, 38, 'axis-name'),
    ]
    if len(names) == 2:
        below = _sensitivity(counts)
        parts.append(text_at(below, left, top + _CELLS + 20, 'tick'))
    for k, name in enumerate(above):
        middle = size * (k + 0.5)
        turned = f'translate({left + middle - 4:.1f} {top - 8}) rotate(-45)'
        parts.append(text_at(name, 0, 0, 'tick', transform=turned))
        parts += _lines(names[k], left - 8, top + middle)
        for j in range(len(names)):
            x, y = left + size * j, top + size * k
            parts.append(_cell(x, y, size, shares[k, j], k == j))
    key = f'confusion-{shots_words(shots)}-{look.method}'
    title = f'Confusion matrix of {look.label}, {slides_words(shots)}'
    height = top + _CELLS + (30 if len(names) == 2 else 4)
    return picture(key, 390, round(height), title, _describe(names, shares), *parts)


def _lines(name: str, right: float, middle: float) -> list[Markup]:
    """Write a class's name in up to two lines that end at its row."""
    lines = textwrap.wrap(name, 17)
    if len(lines) > 2:
        lines = [lines[0], abbreviate(' '.join(lines[1:]), 17)]
    first = middle + 4 - 6.5 * (len(lines) - 1)
    return [
        text_at(abbreviate(line, 17), right, first + 13 * i, 'tick end')
        for i, line in enumerate(lines)
    ]


def _describe(classes: Sequence[str], shares: np.ndarray) -> str:
    """Describe a matrix of shares, in percent, for readers who cannot see it."""
    sentences = []
    for name, row in zip(classes, shares):
        parts = (f'{share:.0f} % as {other}' for other, share in zip(classes, row))
        sentences.append(f'{name}: {", ".join(parts)}.')
    return ' '.join(sentences)


def _cell(x: float, y: float, size: float, share: float, right: bool) -> Markup:
    box = tag(
        'rect',
        **{'x': x + 1, 'y': y + 1, 'width': size - 2, 'height': size - 2, 'rx': 3},
        class_='heat right' if right else 'heat wrong',
        fill_opacity=f'{0.06 + 0.64 * share / 100:.2f}',
    )
    half = size / 2
    return tag('g', box, text_at(f'{share:.0f}', x + half, y + half + 5, 'cell middle'))
