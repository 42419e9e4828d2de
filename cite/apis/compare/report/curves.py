"""Confusion matrices, ROC curves and reliability diagrams of slides."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from sklearn.metrics import roc_curve

from cite.core.evaluation.calibration import Reliability, calibration_floor, reliability
from cite.core.evaluation.confusion import confusion
from cite.core.evaluation.ranking import auroc

from ..outcome import Outcome, Shots
from ..words import shots_words, slides_words
from .marks import Mark
from .parts import Figure, Table
from .svg import Frame, picture, shorten, tag

RATES = np.linspace(0, 1, 51)  # false positive rates at which curves are averaged


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


def roc_figure(
    outcome: Outcome, shots: Shots, methods: Sequence[str], looks: dict[str, Mark]
) -> Figure:
    """Draw each class against the rest: a panel a class, a line a method."""
    labels = outcome.labels
    known = [
        k for k in range(len(outcome.classes)) if 0 < (labels == k).sum() < len(labels)
    ]
    curves = {
        (m, k): np.mean(
            [mean_roc(r.scores[:, k], labels == k) for r in outcome.at(m, shots)], 0
        )
        for m in methods
        for k in known
    }
    areas = {key: _mean_area(outcome, shots, *key) for key in curves}
    rows = [
        [outcome.methods[m], outcome.classes[k], f'{areas[m, k]:.1f}']
        + [f'{100 * np.interp(rate, RATES, curves[m, k]):.0f}' for rate in (0.1, 0.2)]
        for m in methods
        for k in known
    ]
    head = ['Method', 'Class', 'AUROC', 'hits at 10 % false alarms', 'at 20 %']
    return Figure(
        key=f'roc-{shots_words(shots)}',
        caption=f'ROC curves of slides with {slides_words(shots)}, each class against '
        'the rest: the share of the class that is found, against the share of the '
        'others taken for it. Averaged over runs at equal false alarms. The diagonal '
        'is chance.',
        pictures=[
            _roc(outcome, shots, methods, looks, k, curves, areas) for k in known
        ],
        table=Table('Area under each curve and points of it, percent', head, rows),
        size='medium',
    )


def mean_roc(scores: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Return hit rates at :data:`RATES` of false alarms, for averaging over runs.

    Source: Fawcett, Pattern Recognition Letters 27, 2006, section 8.1.

    Args:
        scores: (N,).
        member: whether of the class, (N,).
    """
    false, true, _ = roc_curve(member, scores)
    rates = np.interp(RATES, false, true)
    rates[0] = 0
    return rates


def _mean_area(outcome: Outcome, shots: Shots, method: str, k: int) -> float:
    member = (outcome.labels == k).astype(np.int64)
    pairs = [
        np.stack([-r.scores[:, k], r.scores[:, k]], 1)
        for r in outcome.at(method, shots)
    ]
    return float(np.mean([100 * auroc(pair, member)[0] for pair in pairs]))


def _roc(
    outcome: Outcome,
    shots: Shots,
    methods: Sequence[str],
    looks: dict[str, Mark],
    k: int,
    curves: dict[tuple[str, int], np.ndarray],
    areas: dict[tuple[str, int], float],
) -> Markup:
    frame = Frame(40, 54, 276, 276, x=(0, 100), y=(0, 100))
    ticks = [0, 25, 50, 75, 100]
    name = outcome.classes[k]
    parts = [
        tag('text', shorten(f'{k} {name}', 38), x=0, y=16, class_='panel-name'),
        frame.y_axis(ticks, 'found, %'),
        frame.x_axis([(t, str(t)) for t in ticks], 'false alarms, %'),
        frame.line([(0, 0), (100, 100)], class_='zero'),
    ]
    for m in methods:
        line = frame.line(
            list(zip(100 * RATES, 100 * curves[m, k])),
            stroke_dasharray=looks[m].dash or None,
        )
        place = 8 + 3 * (looks[m].place % 8)  # marks apart from each other
        mark = looks[m].at(*frame.at(100 * RATES[place], 100 * curves[m, k][place]))
        class_ = f'series {looks[m].class_}'
        parts.append(tag('g', line, mark, class_=class_, data_method=m))
    said = ', '.join(f'{outcome.methods[m]} {areas[m, k]:.1f}' for m in methods)
    key = f'roc-{shots_words(shots)}-{k}'
    title = f'ROC curves for {name} against the rest, {slides_words(shots)}'
    return picture(key, 330, 374, title, f'Areas in percent: {said}.', *parts)


def reliability_figure(
    outcome: Outcome, shots: Shots, methods: Sequence[str], looks: dict[str, Mark]
) -> Figure:
    """Draw how often predictions of each confidence are right, over all runs."""
    rows, charts = [], []
    for m in methods:
        runs = outcome.at(m, shots)
        scores = np.concatenate([run.scores for run in runs])
        labels = np.tile(outcome.labels, len(runs))
        curve = reliability(scores, labels)
        floor = 100 * float(np.mean([calibration_floor(run.scores) for run in runs]))
        charts.append(_reliability(outcome, shots, m, looks[m], curve, floor))
        for b in np.flatnonzero(curve.share > 0):
            values = [curve.confidence[b], curve.accuracy[b], curve.share[b]]
            rows.append([outcome.methods[m], *(f'{100 * v:.1f}' for v in values)])
    head = ['Method', 'Confidence', 'Right', 'Share of slides']
    return Figure(
        key=f'reliability-{shots_words(shots)}',
        caption=f'Reliability with {slides_words(shots)}: the share of slides that are '
        'right, against the confidence in the predicted class, all runs together. On '
        'the diagonal, confidence means what it says; below it, too much. Bars: how '
        'many slides have that confidence. “By chance”: the calibration error that '
        'perfectly calibrated scores would get with so few slides.',
        pictures=charts,
        table=Table('Bins of confidence, percent', head, rows),
    )


def _reliability(
    outcome: Outcome,
    shots: Shots,
    method: str,
    look: Mark,
    curve: Reliability,
    floor: float,
) -> Markup:
    frame = Frame(36, 66, 184, 150, x=(0, 100), y=(0, 100))
    ticks = [0, 50, 100]
    confidence, right, share = (100 * np.asarray(v) for v in curve)
    filled = np.flatnonzero(share > 0)
    width = frame.width / len(share)
    bars = [
        tag(
            'rect',
            **{'x': frame.left + width * b + 0.5, 'width': width - 1},
            **{'y': 262 - 0.32 * share[b] * 100 / max(share), 'class_': 'count'},
            height=0.32 * share[b] * 100 / max(share),
        )
        for b in filled
    ]
    points = [(confidence[b], right[b]) for b in filled]
    parts = [
        tag(
            'text', shorten(outcome.methods[method], 26), x=0, y=16, class_='panel-name'
        ),
        frame.y_axis(ticks, 'right, %'),
        frame.line([(0, 0), (100, 100)], class_='zero'),
        tag('g', *bars),
        tag(
            'g',
            frame.line(points),
            *(look.at(*frame.at(*point)) for point in points),
            class_=f'series {look.class_}',
        ),
        *(
            tag('text', t, x=frame.at(t, 0)[0], y=278, class_='tick middle')
            for t in ticks
        ),
        tag('text', 'confidence, %', x=128, y=294, class_='axis-name middle'),
    ]
    gap = float((share[filled] * np.abs(right - confidence)[filled]).sum() / 100)
    over = float((share[filled] * (confidence - right)[filled]).sum() / 100)
    words = f'gap {gap:.1f} points; by chance {floor:.1f}'
    parts.append(tag('text', words, x=0, y=33, class_='tick'))
    trend = 'over' if over > 0 else 'under'
    desc = (
        f'Mean distance from the diagonal {gap:.1f} points; on average '
        f'{trend}confident by {abs(over):.1f}. Perfect calibration would show about '
        f'{floor:.1f} by chance in a run.'
    )
    key = f'reliability-{shots_words(shots)}-{method}'
    title = f'Reliability of {outcome.methods[method]}, {slides_words(shots)}'
    return picture(key, 230, 300, title, desc, *parts)
