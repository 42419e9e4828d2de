"""Whether probabilities are honest: diagrams, temperatures and sets of classes."""

import numpy as np
from markupsafe import Markup

from cite.compare.folder.results import Results, Shots
from cite.compare.statistics.calibrated import ALPHA, Calibrated, calibrated
from cite.core.evaluation.calibration import Reliability, calibration_floor, reliability

from .marks import Mark, Marks
from .svg import Figure, Frame, Table, abbreviate, picture, tag, text_at
from .words import shots_words, slides_words

HEAD = (
    *('Method', 'Slides', 'Temperature', 'ECE, %', 'scaled', 'NLL', 'scaled'),
    *('Covered, %', 'Classes in a set', 'Gap of classes', 'Fitted on'),
)
NOTE = (
    'Temperature: what logits are divided by to make probabilities honest; above 1, '
    'the method was too sure. It is fitted on training slides, each scored by a model '
    'that was trained without its patient, and never on test slides; so it needs two '
    'slides of each class. A set of classes is to hold the true one for '
    f'{100 * (1 - ALPHA):.0f} % of new patients. Covered: how many test slides it did '
    'hold. Gap: between the classes that are covered most and least. Fitted on: '
    'patients, or slides where they are unknown; with fewer than '
    f'{round(1 / ALPHA) - 1} a set is all classes (∗), which is always right and says '
    'nothing. The models of the held-out slides are not quite the one that is tested, '
    'so coverage is not guaranteed.'
)


def reliability_figure(results: Results, shots: Shots, looks: Marks) -> Figure:
    """Draw how often predictions of each confidence are right, over all runs."""
    rows, charts = [], []
    for m, look in looks.items():
        runs = results.at(m, shots)
        scores = np.concatenate([run.scores for run in runs])
        labels = np.tile(results.labels, len(runs))
        curve = reliability(scores, labels)
        floor = 100 * float(np.mean([calibration_floor(run.scores) for run in runs]))
        charts.append(_diagram(shots, look, curve, floor))
        for b in np.flatnonzero(curve.share > 0):
            values = [curve.confidence[b], curve.accuracy[b], curve.share[b]]
            rows.append([look.label, *(f'{100 * v:.1f}' for v in values)])
    head = ['Method', 'Confidence', 'Right', 'Share of slides']
    return Figure(
        key=f'reliability-{shots_words(shots)}',
        caption=f'Reliability with {slides_words(shots)}: the share of slides that are '
        'right, against the confidence in the predicted class, all runs together. On '
        'the diagonal, confidence is right; below it, too high. Bars: how many slides '
        'have that confidence. “By chance”: the calibration error that '
        'perfectly calibrated scores would get with so few slides.',
        pictures=charts,
        table=Table('Bins of confidence, percent', head, rows),
    )


def _diagram(shots: Shots, look: Mark, curve: Reliability, floor: float) -> Markup:
    frame = Frame(36, 66, 184, 150, x=(0, 100), y=(0, 100))
    ticks = [0, 50, 100]
    confidence, right, share = (100 * np.asarray(v) for v in curve)
    filled = np.flatnonzero(share > 0)
    points = [(confidence[b], right[b]) for b in filled]
    gap = float((share[filled] * np.abs(right - confidence)[filled]).sum() / 100)
    over = float((share[filled] * (confidence - right)[filled]).sum() / 100)
    distance = f'gap {gap:.1f} points; by chance {floor:.1f}'
    parts = [
        text_at(abbreviate(look.label, 26), 0, 16, 'panel-name'),
        frame.y_axis(ticks, 'right, %'),
        frame.line([(0, 0), (100, 100)], class_='zero'),
        tag('g', *_bars(frame, share)),
        tag(
            'g',
            frame.line(points),
            *(look.at(*frame.at(*point)) for point in points),
            class_=f'series {look.class_}',
        ),
        *(text_at(t, frame.at(t, 0)[0], 278, 'tick middle') for t in ticks),
        text_at('confidence, %', 128, 294, 'axis-name middle'),
        text_at(distance, 0, 33, 'tick'),
    ]
    key = f'reliability-{shots_words(shots)}-{look.method}'
    title = f'Reliability of {look.label}, {slides_words(shots)}'
    return picture(key, 230, 300, title, _describe(gap, over, floor), *parts)


def _bars(frame: Frame, share: np.ndarray) -> list[Markup]:
    """Draw how many slides each bin holds, below the plot; ``share`` is in percent."""
    width = frame.width / len(share)
    height = 0.32 * share * 100 / max(share)
    bars = []
    for b in np.flatnonzero(share > 0):
        across = {'x': frame.left + width * b + 0.5, 'width': width - 1}
        up = {'y': 262 - height[b], 'class_': 'count', 'height': height[b]}
        bars.append(tag('rect', **across, **up))
    return bars


def _describe(gap: float, over: float, floor: float) -> str:
    """Describe a diagram for readers who cannot see it; all in points."""
    trend = 'over' if over > 0 else 'under'
    return (
        f'Mean distance from the diagonal {gap:.1f} points; on average '
        f'{trend}confident by {abs(over):.1f}. Perfect calibration would show about '
        f'{floor:.1f} by chance in a run.'
    )


def calibration_rows(results: Results) -> list[list[str]]:
    """Return a row of texts for each method and number of training slides.

    Args:
        results: contents of the comparison's folder.
    """
    return [_row(results.methods[row.method], row) for row in calibrated(results)]


def _row(label: str, row: Calibrated) -> list[str]:
    return [
        label,
        shots_words(row.shots),
        f'{row.temperature:.2f}',
        f'{row.ece:.1f}',
        f'{row.ece_after:.1f}',
        f'{row.nll:.3f}',
        f'{row.nll_after:.3f}',
        f'{row.coverage:.0f}{"∗" if row.everything else ""}',
        f'{row.size:.2f}',
        f'{row.gap:.0f}',
        f'{row.units:.0f}',
    ]
