"""The report: one HTML file that needs nothing else."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cite.compare.folder.outcome import Outcome, Shots
from cite.compare.statistics.summary import LEVELS, Summary

from .against_shots import each_method, other_figures, shots_figure
from .confusion_matrices import confusion_figure
from .differences import differences_figure
from .findings import cautions, findings
from .headline import headline
from .marks import colour_rules, marks
from .mistakes import methods_at, slide_cards, slide_rows
from .reliability_diagrams import reliability_figure
from .roc_curves import roc_figure
from .thumbnails import Thumbnails
from .words import FIGURE_WORDS, count, shots_words, slides_words

_HERE = Path(__file__).parent
_PICTURES = 1_500_000  # bytes of the page for patches


def report_page(outcome: Outcome, summary: Summary) -> str:
    """Make the report of a comparison.

    Args:
        outcome: of :func:`..read_outcome.read_outcome`.
        summary: of it.

    Returns:
        The page, HTML. Nothing in it is fetched.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (_HERE / 'script.js').read_text(encoding='utf-8')
    page = environment.get_template('page.html.j2')
    return page.render(
        style=(_HERE / 'style.css').read_text(encoding='utf-8'),
        script=script,
        # The page's own script may run, and no other.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        colours=[colour_rules(0), colour_rules(1)],
        **_context(outcome, summary),
    )


def _context(outcome: Outcome, summary: Summary) -> dict[str, Any]:
    looks = marks(list(outcome.methods))
    primary = summary.figures[0]
    trained = [s for s in outcome.shots if s is not None][::-1]
    shots: list[Shots] = [*trained] or [None]
    thumbnails = Thumbnails(Path(outcome.settings['data_prefix']), _PICTURES)
    shown = outcome.reference if outcome.at(outcome.reference, shots[0]) else None
    method = shown or methods_at(outcome, shots[0])[0]
    compared = bool(summary.tests)
    return {
        'title': outcome.settings['title'],
        'facts': _facts(outcome, summary),
        'findings': findings(outcome, summary),
        'cautions': cautions(outcome, summary),
        'classes': _classes(outcome),
        'legend': [
            {'name': m, 'label': label, 'sample': looks[m].sample()}
            for m, label in outcome.methods.items()
        ],
        'reference': outcome.reference_label,
        'resamples': f'{summary.resamples:,}',
        'patients_known': any(outcome.patients),
        'levels': [table for at in LEVELS if (table := headline(outcome, summary, at))],
        'primary': FIGURE_WORDS[primary].name,
        'shots_figure': shots_figure(outcome, summary, looks, primary),
        'each_method': each_method(outcome, summary, looks, primary)
        if len(outcome.methods) > 1
        else None,
        'other_figures': other_figures(outcome, summary, looks)
        if len(summary.figures) > 1
        else None,
        'differences': [
            (FIGURE_WORDS[name].name, differences_figure(outcome, summary, looks, name))
            for name in (summary.figures if compared else ())
        ],
        'by_shots': [_curves(outcome, looks, s) for s in shots],
        'mistakes': {
            'method': outcome.methods[method],
            'shots': slides_words(shots[0] if outcome.of(method, shots[0]) else None),
            'cards': slide_cards(outcome, method, shots[0], thumbnails),
            'rows': slide_rows(outcome, method, shots[0]),
            'methods': len(methods_at(outcome, shots[0])),
        },
        'thumbnails': thumbnails,
        'failures': outcome.failures,
        'environment': _flat(outcome.environment),
        'settings': _flat(
            {
                k: v
                for k, v in outcome.settings.items()
                if k not in ('patients', 'title')
            }
        ),
        'configs': [
            (outcome.settings['methods'][name]['label'], text)
            for name, text in outcome.configs.items()
        ],
    }


def _facts(outcome: Outcome, summary: Summary) -> list[tuple[str, str]]:
    patients = len({p for p in outcome.patients if p})
    trained = [shots_words(s) for s in outcome.shots if s is not None]
    facts = [
        (f'{len(outcome.slides):,}', 'test slides'),
        (f'{patients:,}', 'patients') if patients else ('?', 'patients: not known'),
        (f'{len(outcome.methods)}', 'methods'),
        (f'{len(outcome.runs):,}', 'runs'),
    ]
    if trained:
        facts.append((' · '.join(trained), 'training slides of each class'))
    return facts


def _classes(outcome: Outcome) -> list[tuple[int, str, str]]:
    members = np.bincount(outcome.labels, minlength=len(outcome.classes))
    share = 100 * members / len(outcome.labels)
    return [
        (k, name, f'{count(int(members[k]), "slide")}, {share[k]:.0f} %')
        for k, name in enumerate(outcome.classes)
    ]


def _curves(outcome: Outcome, looks: dict, shots: Shots) -> dict[str, Any]:
    methods = methods_at(outcome, shots)
    return {
        'words': slides_words(shots),
        'confusion': confusion_figure(outcome, shots, methods),
        'roc': roc_figure(outcome, shots, methods, looks),
        'reliability': reliability_figure(outcome, shots, methods, looks),
    }


def _flat(values: dict[str, Any], prefix: str = '') -> list[tuple[str, str]]:
    """List settings as names and texts, nested ones with dots."""
    lines: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            lines += _flat(value, f'{prefix}{key}.')
        else:
            text = value if isinstance(value, str) else json.dumps(value)
            lines.append((f'{prefix}{key}', text))
    return lines
