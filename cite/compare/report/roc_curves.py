"""ROC curves of slides, each class against the rest."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from sklearn.metrics import roc_curve

from cite.compare.folder.results import Results, Shots
from cite.core.evaluation.metrics import auroc

from .marks import Mark
from .svg import Figure, Frame, Table, abbreviate, picture, tag
from .words import shots_words, slides_words

RATES = np.linspace(0, 1, 51)  # false positive rates at which curves are averaged


def roc_figure(
    results: Results, shots: Shots, methods: Sequence[str], looks: dict[str, Mark]
) -> Figure:
    """Draw each class against the rest: a panel a class, a line a method."""
    labels = results.labels
    classes = [
        k for k in range(len(results.classes)) if 0 < (labels == k).sum() < len(labels)
    ]
    curves = {
        (m, k): np.mean(
            [mean_roc(r.scores[:, k], labels == k) for r in results.at(m, shots)], 0
        )
        for m in methods
        for k in classes
    }
    areas = {key: _mean_area(results, shots, *key) for key in curves}
    rows = [
        [results.methods[m], results.classes[k], f'{areas[m, k]:.1f}']
        + [f'{100 * np.interp(rate, RATES, curves[m, k]):.0f}' for rate in (0.1, 0.2)]
        for m in methods
        for k in classes
    ]
    head = ['Method', 'Class', 'AUROC', 'hits at 10 % false alarms', 'at 20 %']
    return Figure(
        key=f'roc-{shots_words(shots)}',
        caption=f'ROC curves of slides with {slides_words(shots)}, each class against '
        'the rest: the share of the class that is found, against the share of the '
        'others that are taken for it. Averaged over runs at equal false '
        'alarms. The diagonal is chance.',
        pictures=[
            _roc(results, shots, methods, looks, k, curves, areas) for k in classes
        ],
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
    pairs = [
        np.stack([-r.scores[:, k], r.scores[:, k]], 1)
        for r in results.at(method, shots)
    ]
    return float(np.mean([100 * auroc(pair, member) for pair in pairs]))


def _roc(
    results: Results,
    shots: Shots,
    methods: Sequence[str],
    looks: dict[str, Mark],
    k: int,
    curves: dict[tuple[str, int], np.ndarray],
    areas: dict[tuple[str, int], float],
) -> Markup:
    frame = Frame(40, 54, 276, 276, x=(0, 100), y=(0, 100))
    ticks = [0, 25, 50, 75, 100]
    name = results.classes[k]
    parts = [
        tag('text', abbreviate(f'{k} {name}', 38), x=0, y=16, class_='panel-name'),
        frame.y_axis(ticks, 'found, %'),
        frame.x_axis([(t, str(t)) for t in ticks], 'false alarms, %'),
        frame.line([(0, 0), (100, 100)], class_='zero'),
    ]
    for m in methods:
        line = frame.line(
            list(zip(100 * RATES, 100 * curves[m, k])),
            stroke_dasharray=looks[m].dash or None,
        )
        place = 8 + 3 * (looks[m].place % 8)  # keeps the marks apart
        mark = looks[m].at(*frame.at(100 * RATES[place], 100 * curves[m, k][place]))
        class_ = f'series {looks[m].class_}'
        parts.append(tag('g', line, mark, class_=class_, data_method=m))
    listed = ', '.join(f'{results.methods[m]} {areas[m, k]:.1f}' for m in methods)
    key = f'roc-{shots_words(shots)}-{k}'
    title = f'ROC curves for {name} against the rest, {slides_words(shots)}'
    return picture(key, 330, 374, title, f'Areas in percent: {listed}.', *parts)
