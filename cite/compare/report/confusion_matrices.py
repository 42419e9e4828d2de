"""Confusion matrices of slides."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from cite.compare.folder.outcome import Outcome, Shots
from cite.core.evaluation.confusion import confusion

from .parts import Figure, Table
from .svg import picture, shorten, tag
from .words import shots_words, slides_words


def confusion_figure(outcome: Outcome, shots: Shots, methods: Sequence[str]) -> Figure:
    """Draw a matrix for each method: slides by class and prediction, over all runs."""
    counts = {
        method: np.mean(
            [_counts(outcome, r.scores) for r in outcome.at(method, shots)], 0
        )
        for method in methods
    }
    caption = (
        f'Confusion with {slides_words(shots)}: each row is a class, and says which '
        'share of its slides is given to each class, in percent, mean over runs. '
        'The diagonal is right.'
    )
    rows = [
        [outcome.methods[m], name, *(f'{x:.1f}' for x in counts[m][k])]
        for m in methods
        for k, name in enumerate(outcome.classes)
    ]
    head = ['Method', 'Class', *(f'said {name}' for name in outcome.classes)]
    return Figure(
        key=f'confusion-{shots_words(shots)}',
        caption=caption,
        pictures=[_matrix(outcome, shots, m, counts[m]) for m in methods],
        table=Table('Slides by class and prediction, mean over runs', head, rows),
    )


def _counts(outcome: Outcome, scores: np.ndarray) -> np.ndarray:
    return confusion(scores, outcome.labels)[0]


def _matrix(outcome: Outcome, shots: Shots, method: str, counts: np.ndarray) -> Markup:
    classes = len(counts)
    members = counts.sum(1, keepdims=True)
    shares = np.divide(100 * counts, members, out=0 * counts, where=members > 0)
    left, top, size = 34, 56, 190 / classes
    parts = [
        tag(
            'text', shorten(outcome.methods[method], 26), x=0, y=16, class_='panel-name'
        ),
        tag('text', 'predicted', x=left + 95, y=36, class_='tick middle'),
        tag(
            'text',
            'class',
            **{'x': 0, 'y': 0, 'class_': 'tick middle'},
            transform=f'translate(9 {top + 95}) rotate(-90)',
        ),
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
    said = [
        f'Of {name}, '
        + ', '.join(
            f'{shares[k, j]:.0f} % as {other}'
            for j, other in enumerate(outcome.classes)
        )
        for k, name in enumerate(outcome.classes)
    ]
    key = f'confusion-{shots_words(shots)}-{method}'
    title = f'Confusion matrix of {outcome.methods[method]}, {slides_words(shots)}'
    return picture(key, 230, 252, title, '. '.join(said) + '.', *parts)


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
