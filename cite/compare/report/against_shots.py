"""Figures against the number of training slides."""

from collections.abc import Sequence
from typing import Optional

from markupsafe import Markup

from cite.compare.folder.outcome import Outcome, Shots
from cite.compare.statistics.summary import Cell, Summary

from .marks import Mark
from .parts import Figure, Table
from .svg import Frame, nice_ticks, picture, shorten, tag, tick_decimals
from .words import FIGURE_WORDS, Words, shots_words

MANY = 5  # methods; with more, their bands in one drawing are faint
Cells = dict[Shots, Cell]


def shots_figure(
    outcome: Outcome, summary: Summary, looks: dict[str, Mark], figure: str
) -> Figure:
    """Draw one figure of all methods against shots, with bands: the paper's figure."""
    words = FIGURE_WORDS[figure]
    caption = (
        f'{words.name} of slides ({words.unit}) against the number of training slides '
        'of each class. Lines: the mean over draws and seeds; bands and bars: 95 % '
        'intervals. What needs no training slides runs across.'
    )
    sizes = [(760, 420, True), (360, 340, False)]
    wide, narrow = (_chart(outcome, summary, looks, figure, *size) for size in sizes)
    return Figure(
        key=f'shots-{figure}',
        caption=caption,
        pictures=[wide],
        narrow=[narrow],
        table=shots_table(outcome, summary, figure),
        size='full',
    )


def each_method(
    outcome: Outcome, summary: Summary, looks: dict[str, Mark], figure: str
) -> Figure:
    """Draw the same figure once for each method, the others in grey."""
    words = FIGURE_WORDS[figure]
    charts = [
        _chart(outcome, summary, looks, figure, 240, 210, False, only=method)
        for method in outcome.methods
    ]
    return Figure(
        key=f'shots-each-{figure}',
        caption=f'{words.name} of slides ({words.unit}), each method by itself with '
        'its 95 % band; the others in grey.',
        pictures=charts,
        table=shots_table(outcome, summary, figure),
    )


def other_figures(outcome: Outcome, summary: Summary, looks: dict[str, Mark]) -> Figure:
    """Draw the other figures, small."""
    names = summary.figures[1:]
    charts = [_chart(outcome, summary, looks, n, 330, 250, False) for n in names]
    rows = []
    for name in names:
        table = shots_table(outcome, summary, name)
        rows += [[FIGURE_WORDS[name].short, *row] for row in table.rows]
        head = ['Figure', *table.head]
    return Figure(
        key='shots-others',
        caption='The other figures of slides, drawn alike. Of the calibration error '
        'and the negative log-likelihood less is better.',
        pictures=charts,
        table=Table('The other figures with 95 % intervals', head, rows),
        size='medium',
    )


def shots_table(outcome: Outcome, summary: Summary, figure: str) -> Table:
    """Tabulate a figure: methods down, shots across."""
    words = FIGURE_WORDS[figure]
    rows = []
    for method, label in outcome.methods.items():
        cells = _cells(outcome, summary, method, figure)
        values = [
            words.write_interval(cells[s].value) if s in cells else '–'
            for s in outcome.shots
        ]
        rows.append([label, *values])
    head = ['Method', *map(_column, outcome.shots)]
    return Table(f'{words.name} ({words.unit}) with 95 % intervals', head, rows)


def _column(shots: Shots) -> str:
    return 'No training' if shots is None else f'{shots_words(shots)} a class'


def _cells(outcome: Outcome, summary: Summary, method: str, figure: str) -> Cells:
    cells = summary.cells
    return {
        shots: cells['slide', method, shots, figure]
        for shots in outcome.shots
        if ('slide', method, shots, figure) in cells
    }


def _chart(
    outcome: Outcome,
    summary: Summary,
    looks: dict[str, Mark],
    figure: str,
    width: int,
    height: int,
    labelled: bool,
    only: Optional[str] = None,
) -> Markup:
    words = FIGURE_WORDS[figure]
    trained = [shots for shots in outcome.shots if shots is not None] or ['all']
    lines = {m: _cells(outcome, summary, m, figure) for m in outcome.methods}
    bounds = [x for cells in lines.values() for c in cells.values() for x in c.value]
    bounds = [x for x in bounds if x == x] or [0, 1]
    ticks = nice_ticks(min(bounds), max(bounds))
    right = 190 if labelled else 14
    edge = 0.35 if len(trained) > 1 else 0.5
    frame = Frame(
        *(46, 34, width - 46 - right, height - 34 - 46),
        x=(-edge, len(trained) - 1 + edge / 2),
        y=(ticks[0], ticks[-1]),
    )
    above = f'{words.name}, {words.unit}'
    if only:
        ticks, above = ticks[::2], shorten(outcome.methods[only], 28)
    axes = [
        frame.y_axis(ticks, above, tick_decimals(ticks), named=bool(only)),
        frame.x_axis(
            [(i, shots_words(s)) for i, s in enumerate(trained)],
            None if only else 'training slides of each class',
        ),
    ]
    places = {m: 0 if only else i - (len(lines) - 1) / 2 for i, m in enumerate(lines)}
    drawn = sorted((m for m in lines if lines[m]), key=lambda m: m == only)
    series = [_series(frame, looks[m], lines[m], trained, places[m], m) for m in drawn]
    names = _names(frame, outcome, looks, lines) if labelled else []
    key = f'shots-{figure}-{only or width}'
    title = f'{words.name} against training slides'
    if only:
        title = f'{title}: {outcome.methods[only]}'
        lines = {only: lines[only]}
        series = [*(tag('g', s, class_='others') for s in series[:-1]), series[-1]]
    desc = _describe(outcome, lines, words)
    class_ = 'many' if not only and len(drawn) > MANY else None
    content = tag('g', *axes, *series, *names, class_=class_)
    return picture(key, width, height, title, desc, content)


def _series(
    frame: Frame,
    look: Mark,
    cells: Cells,
    trained: Sequence[Shots],
    offset: float,
    method: str,
) -> Markup:
    """Draw a method: band, line, and at every number of shots a bar with its mark."""
    attributes = {'class_': f'series {look.class_}', 'data_method': method}
    dash = {'stroke_dasharray': look.dash or None}
    known = {s: c.value for s, c in cells.items() if c.value.low == c.value.low}
    if None in known:
        value, low, high = known[None]
        ends = list(frame.x)
        return tag(
            'g',
            frame.area(ends, [low, low], [high, high]),
            frame.line([(x, value) for x in ends], **dash),
            look.at(*frame.at(ends[0] + 0.06 * (ends[1] - ends[0]), value)),
            **attributes,
        )
    shift = 0.008 * offset
    places = [(i + shift, known[s]) for i, s in enumerate(trained) if s in known]
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
    outcome: Outcome,
    looks: dict[str, Mark],
    lines: dict[str, Cells],
) -> list[Markup]:
    """Write the methods' names where their lines end, none on another."""
    ends = []
    for method, cells in lines.items():
        values = [cell.value.estimate for cell in cells.values()]
        if values and values[-1] == values[-1]:
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
                    shorten(outcome.methods[method], 24),
                    **{'x': edge + 28, 'y': y + 4, 'class_': 'name'},
                ),
                class_=f'series {looks[method].class_}',
                data_method=method,
            )
        )
    return parts


def _describe(outcome: Outcome, lines: dict[str, Cells], words: Words) -> str:
    """Say what the lines do, for who cannot see them."""
    sentences = []
    for method, cells in lines.items():
        values = [(s, c.value.estimate) for s, c in cells.items()]
        if not values:
            continue
        said = ', '.join(f'{words.write(v)} at {shots_words(s)}' for s, v in values)
        if None in cells:
            said = f'{words.write(values[0][1])} without training'
        sentences.append(f'{outcome.methods[method]}: {said}.')
    return ' '.join(sentences)
