"""Metrics against the number of training slides."""

from collections.abc import Sequence
from typing import Optional

import numpy as np
from markupsafe import Markup

from cite.compare.folder.results import Results, Shots
from cite.compare.statistics.summary import Cell, Summary

from .marks import Mark
from .svg import (
    Figure,
    Frame,
    Table,
    abbreviate,
    nice_ticks,
    picture,
    tag,
    tick_decimals,
)
from .words import METRIC_LABELS, MetricLabel, shots_words

MANY = 5  # with more methods, their bands in one drawing are faint
Cells = dict[Shots, Cell]


def shots_figure(
    results: Results, summary: Summary, looks: dict[str, Mark], metric: str
) -> Figure:
    """Draw one metric of all methods against shots, with bands: the paper's figure."""
    label = METRIC_LABELS[metric]
    caption = (
        f'{label.name} of slides ({label.unit}) against the number of training slides '
        'of each class. Lines: the mean over draws and seeds; bands and bars: 95 % '
        'intervals. Methods that need no training slides run across.'
    )
    sizes = [(760, 420, True), (360, 340, False)]
    wide, narrow = (_chart(results, summary, looks, metric, *size) for size in sizes)
    return Figure(
        key=f'shots-{metric}',
        caption=caption,
        pictures=[wide],
        narrow=[narrow],
        table=shots_table(results, summary, metric),
        size='full',
    )


def each_method(
    results: Results, summary: Summary, looks: dict[str, Mark], metric: str
) -> Figure:
    """Draw the same metric once for each method, with the others in grey."""
    label = METRIC_LABELS[metric]
    charts = [
        _chart(results, summary, looks, metric, 240, 210, False, only=method)
        for method in results.methods
    ]
    return Figure(
        key=f'shots-each-{metric}',
        caption=f'{label.name} of slides ({label.unit}), each method by itself with '
        'its 95 % band; the others in grey.',
        pictures=charts,
        table=shots_table(results, summary, metric),
    )


def other_metrics(results: Results, summary: Summary, looks: dict[str, Mark]) -> Figure:
    """Draw the other metrics, small."""
    names = summary.metrics[1:]
    charts = [_chart(results, summary, looks, n, 330, 250, False) for n in names]
    rows = []
    for name in names:
        table = shots_table(results, summary, name)
        rows += [[METRIC_LABELS[name].short, *row] for row in table.rows]
        head = ['Metric', *table.head]
    return Figure(
        key='shots-others',
        caption='The other metrics of slides, drawn in the same way. Calibration error '
        'and negative log-likelihood: less is better.',
        pictures=charts,
        table=Table('The other metrics with 95 % intervals', head, rows),
        size='medium',
    )


def shots_table(results: Results, summary: Summary, metric: str) -> Table:
    """Tabulate a metric: methods down, shots across."""
    label = METRIC_LABELS[metric]
    rows = []
    for method, name in results.methods.items():
        cells = _cells(results, summary, method, metric)
        values = [
            label.write_interval(cells[s].value) if s in cells else '–'
            for s in results.shots
        ]
        rows.append([name, *values])
    head = ['Method', *map(_column, results.shots)]
    return Table(f'{label.name} ({label.unit}) with 95 % intervals', head, rows)


def _column(shots: Shots) -> str:
    return 'No training' if shots is None else f'{shots_words(shots)} a class'


def _cells(results: Results, summary: Summary, method: str, metric: str) -> Cells:
    cells = summary.cells
    return {
        shots: cells['slide', method, shots, metric]
        for shots in results.shots
        if ('slide', method, shots, metric) in cells
    }


def _chart(
    results: Results,
    summary: Summary,
    looks: dict[str, Mark],
    metric: str,
    width: int,
    height: int,
    labelled: bool,
    only: Optional[str] = None,
) -> Markup:
    label = METRIC_LABELS[metric]
    trained = [shots for shots in results.shots if shots is not None] or ['all']
    lines = {m: _cells(results, summary, m, metric) for m in results.methods}
    bounds = [x for cells in lines.values() for c in cells.values() for x in c.value]
    bounds = [x for x in bounds if not np.isnan(x)] or [0, 1]
    ticks = nice_ticks(min(bounds), max(bounds))
    right = 190 if labelled else 14
    edge = 0.35 if len(trained) > 1 else 0.5
    frame = Frame(
        *(46, 34, width - 46 - right, height - 34 - 46),
        x=(-edge, len(trained) - 1 + edge / 2),
        y=(ticks[0], ticks[-1]),
    )
    axes = _axes(frame, ticks, trained, label, only and results.methods[only])
    places = {m: 0 if only else i - (len(lines) - 1) / 2 for i, m in enumerate(lines)}
    drawn = sorted((m for m in lines if lines[m]), key=lambda m: m == only)
    series = [_series(frame, looks[m], lines[m], trained, places[m], m) for m in drawn]
    names = _names(frame, results, looks, lines) if labelled else []
    key = f'shots-{metric}-{only or width}'
    title = f'{label.name} against training slides'
    if only:
        title = f'{title}: {results.methods[only]}'
        lines = {only: lines[only]}
        series = [*(tag('g', s, class_='others') for s in series[:-1]), series[-1]]
    desc = _describe(results, lines, label)
    class_ = 'many' if not only and len(drawn) > MANY else None
    content = tag('g', *axes, *series, *names, class_=class_)
    return picture(key, width, height, title, desc, content)


def _axes(
    frame: Frame,
    ticks: Sequence[float],
    trained: Sequence[Shots],
    label: MetricLabel,
    panel: Optional[str],
) -> list[Markup]:
    """Draw both axes; a small panel gets fewer ticks, and its name for a title."""
    above = f'{label.name}, {label.unit}'
    if panel:
        ticks, above = ticks[::2], abbreviate(panel, 28)
    return [
        frame.y_axis(ticks, above, tick_decimals(ticks), named=bool(panel)),
        frame.x_axis(
            [(i, shots_words(s)) for i, s in enumerate(trained)],
            None if panel else 'training slides of each class',
        ),
    ]


def _series(
    frame: Frame,
    look: Mark,
    cells: Cells,
    trained: Sequence[Shots],
    offset: float,
    method: str,
) -> Markup:
    """Draw a method: its band, its line, and its marks with a bar at each."""
    attributes = {'class_': f'series {look.class_}', 'data_method': method}
    dash = {'stroke_dasharray': look.dash or None}
    values = {s: c.value for s, c in cells.items() if not np.isnan(c.value.low)}
    if None in values:
        value, low, high = values[None]
        ends = list(frame.x)
        return tag(
            'g',
            frame.area(ends, [low, low], [high, high]),
            frame.line([(x, value) for x in ends], **dash),
            look.at(*frame.at(ends[0] + 0.06 * (ends[1] - ends[0]), value)),
            **attributes,
        )
    shift = 0.008 * offset
    places = [(i + shift, values[s]) for i, s in enumerate(trained) if s in values]
    if not places:
        return tag('g', **attributes)
    xs = [x for x, _ in places]
    parts = [
        frame.area(xs, [v.low for _, v in places], [v.high for _, v in places]),
        frame.line([(x, v.estimate) for x, v in places], **dash),
    ]
    for x, v in places:
        parts.append(frame.line([(x, v.low), (x, v.high)], class_='whisker'))
        parts.append(look.at(*frame.at(x, v.estimate)))
    return tag('g', *parts, **attributes)


def _names(
    frame: Frame,
    results: Results,
    looks: dict[str, Mark],
    lines: dict[str, Cells],
) -> list[Markup]:
    """Write the methods' names where their lines end, without overlaps."""
    ends = []
    for method, cells in lines.items():
        values = [cell.value.estimate for cell in cells.values()]
        if values and not np.isnan(values[-1]):
            ends.append((frame.at(frame.x[1], values[-1])[1], method))
    ends.sort()
    gap = 17.0
    placed: list[tuple[float, float, str]] = []
    for y, method in ends:
        placed.append((max(y, placed[-1][0] + gap) if placed else y, y, method))
    over = max(placed[-1][0] - (frame.top + frame.height), 0) if placed else 0
    shift = min(over, placed[0][0] - frame.top + 14) if placed else 0
    edge = frame.left + frame.width
    parts = []
    for y, end, method in placed:
        y -= shift
        lead = f'M{edge:.1f} {end:.1f}L{edge + 12:.1f} {y:.1f}'
        parts.append(
            tag(
                'g',
                tag('path', d=lead, class_='lead'),
                looks[method].at(edge + 18, y),
                tag(
                    'text',
                    abbreviate(results.methods[method], 24),
                    **{'x': edge + 28, 'y': y + 4, 'class_': 'name'},
                ),
                class_=f'series {looks[method].class_}',
                data_method=method,
            )
        )
    return parts


def _describe(results: Results, lines: dict[str, Cells], label: MetricLabel) -> str:
    """Describe the lines for readers who cannot see them."""
    sentences = []
    for method, cells in lines.items():
        values = [(s, c.value.estimate) for s, c in cells.items()]
        if not values:
            continue
        text = ', '.join(f'{label.write(v)} at {shots_words(s)}' for s, v in values)
        if None in cells:
            text = f'{label.write(values[0][1])} without training'
        sentences.append(f'{results.methods[method]}: {text}.')
    return ' '.join(sentences)
