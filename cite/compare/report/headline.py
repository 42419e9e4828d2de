from typing import Any, Optional

from markupsafe import Markup

from cite.compare.folder.results import Results
from cite.compare.statistics.interval import Interval
from cite.compare.statistics.summary import Key, Summary

from .convergence import MARK, marked
from .svg import tag
from .words import METRIC_LABELS, shots_words


def headline(
    results: Results, summary: Summary, level: str
) -> Optional[dict[str, Any]]:
    """Make a level's table of all methods and shots; None if it has no scores."""
    rows_of = summary.rows(level)
    if not rows_of:
        return None
    order = {shots: i for i, shots in enumerate(results.shots)}
    first = summary.metrics[0]
    cells = [summary.cells[level, method, shots, first] for shots, method in rows_of]
    ends = [x for cell in cells for x in cell.value[1:] if x == x]
    rows = []
    marks = marked(results)
    for cell in cells:
        keys = (level, cell.method, cell.shots)
        row = {
            'shots': shots_words(cell.shots),
            'shots_order': order[cell.shots],
            'label': results.methods[cell.method],
            'mark': MARK if (cell.method, cell.shots) in marks else '',
            'marked': marks.get((cell.method, cell.shots), ''),
            'runs': cell.runs_text,
            'runs_order': cell.runs,
            'reach': _reach(cell.value, ends),  # the first metric's interval, drawn
            'entries': [_entry(summary, (*keys, m)) for m in summary.metrics],
        }
        rows.append(row)
    return {
        'level': level,
        'labels': [METRIC_LABELS[name] for name in summary.metrics],
        'shots': [shots_words(s) for s in order],
        'rows': rows,
    }


def _entry(summary: Summary, key: Key) -> dict[str, Any]:
    """Return a cell: its texts, marks, and the value it is sorted by."""
    level, _, shots, metric = key
    label, value = METRIC_LABELS[metric], summary.cells[key].value
    bounds = f'{label.write(value.low)} to {label.write(value.high)}'
    column = (
        cell.value.estimate
        for (at, _, s, name), cell in summary.cells.items()
        if (at, s, name) == (level, shots, metric)
    )
    estimates = [x for x in column if x == x]
    best = (min if label.less_is_better else max)(estimates, default=None)
    return {
        'estimate': label.write(value.estimate),
        'bounds': bounds if value.low == value.low else '',
        'order': value.estimate,
        'best': len(estimates) > 1 and value.estimate == best,
        'star': summary.differs(key),
    }


def _reach(value: Interval, ends: list[float]) -> Optional[Markup]:
    """Draw an interval on the scale of the whole column."""
    if not all(x == x for x in value) or not ends:
        return None
    low, span = min(ends), max(max(ends) - min(ends), 1e-9)
    x = [4 + 82 * (v - low) / span for v in (value.low, value.estimate, value.high)]
    return tag(
        'svg',
        tag('line', x1=4, x2=86, y1=9, y2=9, class_='grid'),
        tag('line', x1=x[0], x2=x[2], y1=9, y2=9, class_='reach'),
        tag('circle', cx=x[1], cy=9, r=4),
        **{'viewBox': '0 0 90 18', 'width': 90, 'height': 18, 'class_': 'reach-strip'},
        aria_hidden='true',
    )
