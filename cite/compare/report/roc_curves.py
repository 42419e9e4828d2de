from typing import Any

import numpy as np
from markupsafe import Markup
from sklearn.metrics import roc_curve

from cite.compare.folder.results import Results, Shots
from cite.core.evaluation.metrics import auroc

from .marks import Marks
from .svg import Figure, Frame, Table, abbreviate, picture, text_at
from .words import shots_words, slides_words

RATES = np.linspace(0, 1, 51)  # false positive rates at which curves are averaged
Values = dict[tuple[str, int], Any]  # by method and class


def roc_figure(results: Results, shots: Shots, looks: Marks) -> Figure:
    """Draw ROC curves of each class against the rest: a panel a class."""
    labels = results.labels
    classes = [
        k for k in range(len(results.classes)) if 0 < (labels == k).sum() < len(labels)
    ]
    curves = {
        (m, k): np.mean(
            [mean_roc(r.scores[:, k], labels == k) for r in results.at(m, shots)], 0
        )
        for m in looks
        for k in classes
    }
    areas = {key: _mean_area(results, shots, *key) for key in curves}
    rows = [
        [looks[m].label, results.classes[k], f'{areas[m, k]:.1f}']
        + [f'{100 * np.interp(rate, RATES, curve):.0f}' for rate in (0.1, 0.2)]
        for (m, k), curve in curves.items()
    ]
    head = ['Method', 'Class', 'AUROC', 'hits at 10 % false alarms', 'at 20 %']
    return Figure(
        key=f'roc-{shots_words(shots)}',
        caption=f'ROC curves of slides with {slides_words(shots)}, each class against '
        'the rest: the share of the class that is found, against the share of the '
        'others that are taken for it. Averaged over runs at equal false '
        'alarms. The diagonal is chance.',
        pictures=[_roc(results, shots, looks, k, curves, areas) for k in classes],
        table=Table('Area under each curve and points of it, percent', head, rows),
        size='medium',
    )


def mean_roc(scores: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Return hit rates at :data:`RATES` of false alarms, for averaging over runs.

    Source: Fawcett, Pattern Recognition Letters 27, 2006, section 8.1.

    Args:
        scores: scores of the class, (N,).
        member: whether each slide is of the class, (N,).
    """
    false, true, _ = roc_curve(member, scores)
    rates = np.interp(RATES, false, true)
    rates[0] = 0
    return rates


def _mean_area(results: Results, shots: Shots, method: str, k: int) -> float:
    member = (results.labels == k).astype(np.int64)
    scores = [run.scores[:, k] for run in results.at(method, shots)]
    areas = [100 * auroc(np.stack([-s, s], 1), member) for s in scores]
    return float(np.mean(areas))


def _roc(
    results: Results, shots: Shots, looks: Marks, k: int, curves: Values, areas: Values
) -> Markup:
    frame = Frame(40, 54, 276, 276, x=(0, 100), y=(0, 100))
    ticks = [0, 25, 50, 75, 100]
    name = results.classes[k]
    parts = [
        text_at(abbreviate(f'{k} {name}', 38), 0, 16, 'panel-name'),
        frame.y_axis(ticks, 'found, %'),
        frame.x_axis([(t, str(t)) for t in ticks], 'false alarms, %'),
        frame.line([(0, 0), (100, 100)], class_='zero'),
    ]
    for m, look in looks.items():
        points = list(zip(100 * RATES, 100 * curves[m, k]))
        line = frame.line(points, stroke_dasharray=look.dash)
        place = 8 + 3 * (look.place % 8)  # keeps the marks apart
        parts.append(look.group(line, look.at(*frame.at(*points[place]))))
    listed = ', '.join(f'{look.label} {areas[m, k]:.1f}' for m, look in looks.items())
    key = f'roc-{shots_words(shots)}-{k}'
    title = f'ROC curves for {name} against the rest, {slides_words(shots)}'
    return picture(key, 330, 374, title, f'Areas in percent: {listed}.', *parts)
