"""Confusion matrices of slides."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from cite.compare.folder.results import Results, Shots
from cite.core.evaluation.confusion import confusion

from .svg import Figure, Table, abbreviate, picture, tag
from .words import shots_words, slides_words


def confusion_figure(results: Results, shots: Shots, methods: Sequence[str]) -> Figure:
    """Draw a matrix for each method: slides by class and prediction, over all runs."""
    counts = {
        method: np.mean(
            [confusion(r.scores, results.labels) for r in results.at(method, shots)], 0
        )
        for method in methods
    }
    caption = (
        f'Confusion with {slides_words(shots)}: each row is a class, and shows which '
        'share of its slides is predicted as each class, in percent, mean over runs. '
        'The diagonal is right.'
    )
    rows = [
        [results.methods[m], name, *(f'{x:.1f}' for x in counts[m][k])]
        for m in methods
        for k, name in enumerate(results.classes)
    ]
    head = ['Method', 'Class', *(f'predicted {name}' for name in results.classes)]
    return Figure(
        key=f'confusion-{shots_words(shots)}',
        caption=caption,
        pictures=[_matrix(results, shots, m, counts[m]) for m in methods],
        table=Table('Slides by class and prediction, mean over runs', head, rows),
    )


def _matrix(results: Results, shots: Shots, method: str, counts: np.ndarray) -> Markup:
    classes = len(counts)
    members = counts.sum(1, keepdims=True)
    shares = np.divide(100 * counts, members, out=0 * counts, where=members > 0)
    left, top, size = 34, 56, 190 / classes
    name = abbreviate(results.methods[method], 26)
    turned = f'translate(9 {top + 95}) rotate(-90)'
    parts = [
        tag('text', name, x=0, y=16, class_='panel-name'),
        tag('text', 'predicted', x=left + 95, y=36, class_='tick middle'),
        tag('text', 'class', x=0, y=0, class_='tick middle', transform=turned),
    ]
    for k in range(classes):
        middle = size * (k + 0.5)
        parts += [
            tag('text', k, x=left + middle, y=50, class_='tick middle'),
            tag('text', k, x=left - 8, y=top + middle + 4, class_='tick middle'),
        ]
        for j in range(classes):
            place = {'x': left + size * j, 'y': top + size * k}
            parts.append(_cell(place, size, shares[k, j], k == j))
    key = f'confusion-{shots_words(shots)}-{method}'
    title = f'Confusion matrix of {results.methods[method]}, {slides_words(shots)}'
    return picture(key, 230, 252, title, _describe(results.classes, shares), *parts)


def _describe(classes: Sequence[str], shares: np.ndarray) -> str:
    """Describe a matrix of shares, in percent, for readers who cannot see it."""
    sentences = []
    for name, row in zip(classes, shares):
        parts = (f'{share:.0f} % as {other}' for other, share in zip(classes, row))
        sentences.append(f'{name}: {", ".join(parts)}.')
    return ' '.join(sentences)


def _cell(place: dict[str, float], size: float, share: float, right: bool) -> Markup:
    box = tag(
        'rect',
        **{'x': place['x'] + 1, 'y': place['y'] + 1},
        **{'width': size - 2, 'height': size - 2, 'rx': 3},
        class_='heat right' if right else 'heat wrong',
        fill_opacity=f'{0.06 + 0.64 * share / 100:.2f}',
    )
    half = size / 2
    where = {'x': place['x'] + half, 'y': place['y'] + half + 5}
    return tag('g', box, tag('text', f'{share:.0f}', **where, class_='cell middle'))
