"""Metrics against the number of training slides."""

from collections.abc import Sequence
from typing import Optional

import numpy as np
from markupsafe import Markup

from cite.compare.folder.results import Shots
from cite.compare.statistics.interval import Interval
from cite.compare.statistics.summary import Cell, Summary

from . import svg
from .marks import Mark, Marks
from .svg import Figure, Frame, Table, abbreviate, tag
from .words import METRIC_LABELS, WITH_INTERVALS, MetricLabel, if_any, shots_words

MANY = 5  # with more methods, their bands in one drawing are faint
Cells = dict[Shots, Cell]


def shots_figure(summary: Summary, looks: Marks, metric: str) -> Figure:
    """Draw one metric of all methods against shots, with bands: the paper's figure."""
    label = METRIC_LABELS[metric]
    spread = if_any(_values(summary, [metric]), '; bands and bars: 95 % intervals')
    return Figure(
        key=f'shots-{metric}',
        caption=f'{label.name} of slides ({label.unit}) against the number of training '
        f'slides of each class. Lines: the mean over draws and seeds{spread}. '
        'Methods that need no training slides run across.',
        pictures=[_chart(summary, looks, metric, 760, 420, labelled=True)],
        narrow=[_chart(summary, looks, metric, 360, 340)],
        table=shots_table(summary, looks, metric),
        size='full',
    )


def each_method(summary: Summary, looks: Marks, metric: str) -> Figure:
    """Draw the same metric once for each method, with the others in grey."""
    label = METRIC_LABELS[metric]
    band = if_any(_values(summary, [metric]), ' with its 95 % band')
    return Figure(
        key=f'shots-each-{metric}',
        caption=f'{label.name} of slides ({label.unit}), each method by itself{band}; '
        'the others in grey.',
        pictures=[_chart(summary, looks, metric, 240, 210, only=m) for m in looks],
        table=shots_table(summary, looks, metric),
    )


def other_metrics(summary: Summary, looks: Marks) -> Figure:
    """Draw the other metrics, small."""
    names = summary.metrics[1:]
    tables = {METRIC_LABELS[n].short: shots_table(summary, looks, n) for n in names}
    rows = [[name, *row] for name, table in tables.items() for row in table.rows]
    bounds = if_any(_values(summary, names), WITH_INTERVALS)
    return Figure(
        key='shots-others',
        caption='The other metrics of slides, drawn in the same way. Calibration error '
        'and negative log-likelihood: less is better.',
        pictures=[_chart(summary, looks, name, 330, 250) for name in names],
        table=Table(f'The other metrics{bounds}', _head(summary), rows),
        size='medium',
    )


def shots_table(summary: Summary, looks: Marks, metric: str) -> Table:
    """Tabulate a metric: methods down, shots across."""
    label = METRIC_LABELS[metric]
    rows = []
    for method, look in looks.items():
        values = {s: c.value for s, c in summary.line(method, metric).items()}
        cells = [
            label.write_interval(values[s]) if s in values else '–'
            for s in summary.shots
        ]
        rows.append([look.label, *cells])
    bounds = if_any(_values(summary, [metric]), WITH_INTERVALS)
    caption = f'{label.name} ({label.unit}){bounds}'
    return Table(caption, _head(summary)[1:], rows)


def _values(summary: Summary, metrics: Sequence[str]) -> list[Interval]:
    return [cell.value for key, cell in summary.cells.items() if key[-1] in metrics]


def _head(summary: Summary) -> list[str]:
    columns = ('No training' if s is None else f'{s} a class' for s in summary.shots)
    return ['Metric', 'Method', *columns]


def _chart(
    summary: Summary,
    looks: Marks,
    metric: str,
    width: int,
    height: int,
    labelled: bool = False,
    only: Optional[str] = None,
) -> Markup:
    label = METRIC_LABELS[metric]
    trained = [shots for shots in summary.shots if shots is not None] or ['all']
    lines = {m: summary.line(m, metric) for m in looks}
    bounds = [x for cells in lines.values() for c in cells.values() for x in c.value]
    bounds = [x for x in bounds if not np.isnan(x)] or [0, 1]
    ticks = svg.nice_ticks(min(bounds), max(bounds))
    right = 190 if labelled else 14
    edge = 0.35 if len(trained) > 1 else 0.5
    frame = Frame(
        *(46, 34, width - 46 - right, height - 34 - 46),
        x=(-edge, len(trained) - 1 + edge / 2),
        y=(ticks[0], ticks[-1]),
    )
    axes = _axes(frame, ticks, trained, label, only and looks[only].label)
    places = {m: 0 if only else i - (len(lines) - 1) / 2 for i, m in enumerate(lines)}
    drawn = sorted((m for m in lines if lines[m]), key=lambda m: m == only)
    series = [_series(frame, looks[m], lines[m], trained, places[m]) for m in drawn]
    names = _names(frame, looks, lines) if labelled else []
    title = f'{label.name} against training slides'
    if only:
        title = f'{title}: {looks[only].label}'
        lines = {only: lines[only]}
        series = [*(tag('g', s, class_='others') for s in series[:-1]), series[-1]]
    desc = _describe(looks, lines, label)
    class_ = 'many' if not only and len(drawn) > MANY else None
    content = tag('g', *axes, *series, *names, class_=class_)
    key = f'shots-{metric}-{only or width}'
    return svg.picture(key, width, height, title, desc, content)


def _axes(
    frame: Frame,
    ticks: Sequence[float],
    trained: Sequence[Shots],
    label: MetricLabel,
    panel: Optional[str],
) -> list[Markup]:
    """Draw both axes; a small panel gets fewer ticks, and its name for a title."""
    above, below = f'{label.name}, {label.unit}', 'training slides of each class'
    if panel:
        ticks, above, below = ticks[::2], abbreviate(panel, 28), ''
    return [
        frame.y_axis(ticks, above, svg.tick_decimals(ticks), named=bool(panel)),
        frame.x_axis([(i, shots_words(s)) for i, s in enumerate(trained)], below),
    ]


def _series(
    frame: Frame, look: Mark, cells: Cells, trained: Sequence[Shots], offset: float
) -> Markup:
    """Draw a method: its band, its line, and its marks with a bar at each."""
    values = {s: c.value for s, c in cells.items() if not np.isnan(c.value.estimate)}
    if None in values:
        value, low, high = values[None]
        left, right = frame.x
        return look.group(
            *_band(frame, [left, right], [(low, high)] * 2),
            frame.line([(left, value), (right, value)], stroke_dasharray=look.dash),
            look.at(*frame.at(left + 0.06 * (right - left), value)),
        )
    shift = 0.008 * offset
    places = [(i + shift, values[s]) for i, s in enumerate(trained) if s in values]
    if not places:
        return look.group()
    xs = [x for x, _ in places]
    means = [(x, v.estimate) for x, v in places]
    parts = [
        *_band(frame, xs, [v[1:] for _, v in places]),
        frame.line(means, stroke_dasharray=look.dash),
    ]
    for x, v in places:
        if not np.isnan(v.low):
            parts.append(frame.line([(x, v.low), (x, v.high)], class_='whisker'))
        parts.append(look.at(*frame.at(x, v.estimate)))
    return look.group(*parts)


def _band(
    frame: Frame, xs: Sequence[float], bounds: Sequence[tuple[float, float]]
) -> list[Markup]:
    """Draw a band between bounds; none if one of the values has no interval."""
    if np.isnan(bounds).any():
        return []
    low, high = zip(*bounds)
    return [frame.area(xs, low, high)]


def _names(frame: Frame, looks: Marks, lines: dict[str, Cells]) -> list[Markup]:
    """Write the methods' names where their lines end, without overlaps."""
    last = {m: [*cells.values()][-1].value for m, cells in lines.items() if cells}
    ends = sorted(
        (frame.at(frame.x[1], value.estimate)[1], method)
        for method, value in last.items()
        if not np.isnan(value.estimate)
    )
    if not ends:
        return []
    heights: list[float] = []
    for end, _ in ends:
        heights.append(max(end, heights[-1] + 17) if heights else end)
    over = max(heights[-1] - (frame.top + frame.height), 0)
    shift = min(over, heights[0] - frame.top + 14)
    edge = frame.left + frame.width
    parts = []
    for (end, method), height in zip(ends, heights):
        y, look = height - shift, looks[method]
        lead = f'M{edge:.1f} {end:.1f}L{edge + 12:.1f} {y:.1f}'
        name = svg.text_at(abbreviate(look.label, 24), edge + 28, y + 4, 'name')
        mark = look.at(edge + 18, y)
        parts.append(look.group(tag('path', d=lead, class_='lead'), mark, name))
    return parts


def _describe(looks: Marks, lines: dict[str, Cells], label: MetricLabel) -> str:
    """Describe the lines for readers who cannot see them."""
    sentences = []
    for method, cells in lines.items():
        values = {s: label.write(c.value.estimate) for s, c in cells.items()}
        if not values:
            continue
        text = ', '.join(f'{v} at {shots_words(s)}' for s, v in values.items())
        if None in values:
            text = f'{next(iter(values.values()))} without training'
        sentences.append(f'{looks[method].label}: {text}.')
    return ' '.join(sentences)
