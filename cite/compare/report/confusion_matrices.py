from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from cite.compare.folder.results import Results, Shots
from cite.core.evaluation.confusion import confusion

from .marks import Mark, Marks
from .svg import Figure, Table, abbreviate, picture, tag, text_at
from .words import shots_words, slides_words


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
        'runs. The diagonal is right.',
        pictures=[_matrix(results.classes, shots, looks[m], counts[m]) for m in looks],
        table=Table('Slides by class and prediction, mean over runs', head, rows),
    )


def _matrix(
    names: Sequence[str], shots: Shots, look: Mark, counts: np.ndarray
) -> Markup:
    members = counts.sum(1, keepdims=True)
    shares = np.divide(100 * counts, members, out=0 * counts, where=members > 0)
    left, top, size = 34, 56, 190 / len(names)
    turned = f'translate(9 {top + 95}) rotate(-90)'
    parts = [
        text_at(abbreviate(look.label, 26), 0, 16, 'panel-name'),
        text_at('predicted', left + 95, 36, 'tick middle'),
        text_at('class', 0, 0, 'tick middle', transform=turned),
    ]
    for k in range(len(names)):
        middle = size * (k + 0.5)
        parts.append(text_at(k, left + middle, 50, 'tick middle'))
        parts.append(text_at(k, left - 8, top + middle + 4, 'tick middle'))
        for j in range(len(names)):
            x, y = left + size * j, top + size * k
            parts.append(_cell(x, y, size, shares[k, j], k == j))
    key = f'confusion-{shots_words(shots)}-{look.method}'
    title = f'Confusion matrix of {look.label}, {slides_words(shots)}'
    return picture(key, 230, 252, title, _describe(names, shares), *parts)


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
