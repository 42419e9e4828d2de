from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from cite.compare.folder.results import Results
from cite.compare.statistics.summary import Summary, Test
from cite.core.messages import count

from . import svg
from .marks import Marks
from .svg import Figure, Frame, Table, abbreviate, tag
from .words import METRIC_LABELS, p_words, shots_words, slides_words

_ROW = 26
_HEAD = ('Slides a class', 'Method', 'Difference', '95 % interval', 'Runs', 'p', 'Holm')


def differences_figure(
    results: Results, summary: Summary, looks: Marks, metric: str
) -> Figure:
    """Draw each method's difference from the reference with its interval."""
    label = METRIC_LABELS[metric]
    tests = summary.family('slide', metric)
    shots = [s for s in results.shots if any(t.shots == s for t in tests)]
    tested = sum(t.tested for t in tests)
    better = 'left' if label.less_is_better else 'right'
    caption = (
        f'{label.name} of slides: method minus {results.reference_label}, '
        f'on the same slides, draws and seeds. Better is to the {better}. Filled marks '
        f'and a star differ at p ≤ 0.05 after Holm’s correction '
        f'({count(tested, "test")} of this metric); hollow ones do not, or are not '
        'tested (†: these trained models are compared, not the methods).'
    )
    bounds = [x for t in tests for x in t.difference if not np.isnan(x)] or [-1, 1]
    ticks = svg.nice_ticks(min(*bounds, 0), max(*bounds, 0), 4)
    charts = [_chart([t for t in tests if t.shots == s], looks, ticks) for s in shots]
    table = Table(
        f'{label.name}: differences from {results.reference_label}',
        _HEAD,
        [_cells(test, looks[test.method].label) for test in tests],
    )
    return Figure(f'differences-{metric}', caption, charts, table, size='medium')


def _cells(test: Test, name: str) -> list[str]:
    """Write a test as cells of a table."""
    label = METRIC_LABELS[test.metric]
    estimate, low, high = (label.write(x, sign=True) for x in test.difference)
    return [
        shots_words(test.shots),
        name,
        estimate,
        '–' if np.isnan(test.difference.low) else f'[{low}, {high}]',
        test.runs_text,
        p_words(test.p),
        p_words(test.adjusted) + (' *' if test.significant else ''),
    ]


def _chart(tests: Sequence[Test], looks: Marks, ticks: Sequence[float]) -> Markup:
    """Draw the tests of one metric at one number of shots."""
    metric, shots = tests[0].metric, tests[0].shots
    label = METRIC_LABELS[metric]
    height = 40 + _ROW * len(tests) + 44
    frame = Frame(
        *(158, 40, 330 - 158 - 14, _ROW * len(tests)),
        x=(ticks[0], ticks[-1]),
        y=(len(tests), 0),
    )
    decimals = svg.tick_decimals(ticks)
    every = 2 if len(ticks) > 5 else 1
    named = [
        (t, f'{t:+.{decimals}f}'.replace('-', '−') if t else '0')
        for i, t in enumerate(ticks)
        if (i - list(ticks).index(min(ticks, key=abs))) % every == 0
    ]
    unit = 'points' if label.unit in ('%', '× 100') else label.unit
    # The frame's y runs downwards, so its x axis, at y = 0, is at the bottom.
    parts = [
        svg.text_at(slides_words(shots).capitalize(), 0, 18, 'panel-name'),
        *(_rule(frame, t, 'grid') for t in ticks),
        _rule(frame, 0, 'zero'),
        frame.x_axis(named, f'difference, {unit}'),
        *(_row(frame, looks, test, i + 0.5) for i, test in enumerate(tests)),
    ]
    descriptions = [
        f'{looks[t.method].label}: {label.write_interval(t.difference, True)}, '
        f'{_said(t)}.'
        for t in tests
    ]
    key = f'differences-{metric}-{shots_words(shots)}'
    title = f'Differences in {label.name.lower()} with {slides_words(shots)}'
    return svg.picture(key, 330, height, title, ' '.join(descriptions), *parts)


def _said(test: Test) -> str:
    """Say what a test showed."""
    if not test.tested:
        return 'these models, not tested' if test.models else 'not tested'
    return 'differs' if test.significant else 'no difference shown'


def _rule(frame: Frame, x: float, class_: str) -> Markup:
    at, _ = frame.at(x, 0)
    bottom = frame.top + frame.height
    return tag('line', x1=at, x2=at, y1=frame.top, y2=bottom, class_=class_)


def _row(frame: Frame, looks: Marks, test: Test, row: float) -> Markup:
    look = looks[test.method]._replace(hollow=not test.significant)
    estimate, low, high = test.difference
    star = ' *' if test.significant else ' †' if test.models else ''
    short = abbreviate(look.label, 23 - len(star)) + star
    _, y = frame.at(0, row)
    parts = [svg.text_at(short, 0, y + 4, 'name')]
    if not np.isnan(low):
        parts.append(frame.line([(low, row), (high, row)], class_='reach'))
    if not np.isnan(estimate):
        parts.append(look.at(*frame.at(estimate, row)))
    return look.group(*parts)
