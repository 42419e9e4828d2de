import json
from pathlib import Path
from typing import Any

import numpy as np

from cite.apis.page import SORT, render_page
from cite.compare.folder.results import Results, Shots
from cite.compare.statistics.summary import LEVELS, Summary
from cite.core.messages import count

from .against_shots import each_method, other_metrics, shots_figure
from .calibration import HEAD, NOTE, calibration_rows, reliability_figure
from .confusion_matrices import confusion_figure
from .convergence import convergences
from .differences import differences_figure
from .findings import cautions, findings
from .headline import headline
from .marks import Marks, colour_rules, marks
from .mistakes import methods_at, slide_cards, slide_rows
from .protocol import protocol
from .roc_curves import roc_figure
from .text_effect import class_vectors, text_effect
from .thumbnails import Thumbnails
from .words import METRIC_LABELS, QUESTION, if_any, shots_words, slides_words

_HERE = Path(__file__).parent
_PICTURES = 1_500_000  # bytes of the page for patches


def report_page(results: Results, summary: Summary) -> str:
    """Make the report of a comparison.

    Args:
        results: contents of the comparison's folder.
        summary: their metrics, intervals and tests.

    Returns:
        The page, HTML. Nothing in it is fetched.
    """
    return render_page(
        _HERE / 'page.html.j2',
        styles=[_HERE / 'style.css'],
        scripts=[SORT, _HERE / 'script.js'],
        colours=[colour_rules(0), colour_rules(1)],
        **_context(results, summary),
    )


def _context(results: Results, summary: Summary) -> dict[str, Any]:
    """Return the values of the page's template."""
    looks = marks(results.methods)
    trained = [s for s in results.shots if s is not None][::-1]
    shots: list[Shots] = [*trained] or [None]
    settings = results.settings
    shown = {k: v for k, v in settings.items() if k not in ('patients', 'title')}
    thumbnails = Thumbnails(Path(settings['data_prefix']), _PICTURES)
    return {
        'title': settings['title'],
        'count': count,
        'facts': _facts(results),
        'text_effect': text_effect(results, summary),
        'class_vectors': class_vectors(results),
        'protocol': protocol(results),
        'losses': _losses(results),
        'calibration': (HEAD, calibration_rows(results), NOTE),
        'findings': findings(results, summary),
        'cautions': cautions(results, summary),
        'classes': _classes(results),
        'legend': [*looks.values()],
        'reference': results.reference_label,
        'bounds': if_any(
            (cell.value for cell in summary.cells.values()),
            f', and below it a 95 % interval: {QUESTION}',
        ),
        'patients_known': any(results.patients),
        'levels': [table for at in LEVELS if (table := headline(results, summary, at))],
        **_drawings(results, summary, looks),
        'by_shots': [_curves(results, looks, s) for s in shots],
        'mistakes': _mistakes(results, shots[0], thumbnails),
        'thumbnails': thumbnails,
        'failures': results.failures,
        'environment': _flat(results.environment),
        'settings': _flat(shown),
        'configs': [
            (settings['methods'][name]['label'], text)
            for name, text in results.configs.items()
        ],
    }


def _drawings(results: Results, summary: Summary, looks: Marks) -> dict[str, Any]:
    """Return the drawings of metrics; None where there is nothing to draw."""
    primary, *others = summary.metrics
    return {
        'shots_figure': shots_figure(summary, looks, primary),
        'each_method': each_method(summary, looks, primary) if len(looks) > 1 else None,
        'other_metrics': other_metrics(summary, looks) if others else None,
        'differences': [
            (METRIC_LABELS[m].name, differences_figure(results, summary, looks, m))
            for m in (summary.metrics if summary.tests else ())
        ],
    }


def _mistakes(results: Results, shots: Shots, thumbnails: Thumbnails) -> dict[str, Any]:
    """Return the mistakes of the reference, or of the first method if it has no run."""
    methods = methods_at(results, shots)
    method = results.reference if results.reference in methods else methods[0]
    rows = slide_rows(results, method, shots)
    return {
        'method': results.methods[method],
        'shots': slides_words(shots if results.of(method, shots) else None),
        'cards': slide_cards(results, method, shots, rows, thumbnails),
        'rows': rows,
        'runs': len(results.at(method, shots)),
        'methods': len(methods),
    }


def _facts(results: Results) -> list[tuple[str, str]]:
    """Return numbers with their names."""
    patients = len({p for p in results.patients if p})
    facts = [
        count(len(results.slides), 'test slide'),
        count(patients, 'patient') if patients else '? patients: not known',
        count(len(results.methods), 'method'),
        count(len(results.runs), 'run'),
    ]
    pairs = [(number, name) for number, _, name in (f.partition(' ') for f in facts)]
    trained = [shots_words(s) for s in results.shots if s is not None]
    if trained:
        pairs.append((' · '.join(trained), 'training slides of each class'))
    return pairs


def _losses(results: Results) -> list[tuple[str, ...]]:
    """Return a row for each method and number of slides with recorded losses."""
    return [
        (
            results.methods[row.method],
            shots_words(row.shots),
            f'{row.loss:.3f}',
            f'{row.before:.3f}',
            f'{row.chance:.3f}',
            row.verdict,
        )
        for row in convergences(results)
    ]


def _classes(results: Results) -> list[tuple[int, str, str]]:
    members = np.bincount(results.labels, minlength=len(results.classes))
    share = 100 * members / len(results.labels)
    return [
        (k, name, f'{count(int(members[k]), "slide")}, {share[k]:.0f} %')
        for k, name in enumerate(results.classes)
    ]


def _curves(results: Results, looks: Marks, shots: Shots) -> dict[str, Any]:
    looks = {method: looks[method] for method in methods_at(results, shots)}
    return {
        'words': slides_words(shots),
        'confusion': confusion_figure(results, shots, looks),
        'roc': roc_figure(results, shots, looks),
        'reliability': reliability_figure(results, shots, looks),
    }


def _flat(values: dict[str, Any], prefix: str = '') -> list[tuple[str, str]]:
    """List settings as names and texts; the names of nested ones are joined by dots."""
    lines: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines += _flat(value, f'{prefix}{key}.')
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            lines.append((f'{prefix}{key}', text))
    return lines
