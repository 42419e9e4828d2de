"""The comparison's tables: Markdown to read, CSV for a program, LaTeX for a paper."""

import itertools

from cite.compare.folder.prediction_files import csv_text
from cite.compare.folder.results import Results, Shots
from cite.compare.statistics.summary import LEVELS, Summary
from cite.core.messages import count

from .calibration import HEAD, NOTE, calibration_rows
from .convergence import MARK, convergences, marked
from .findings import cautions
from .protocol import protocol
from .text_effect import class_vectors, text_effect, vectors_note
from .words import (
    METRIC_LABELS,
    QUESTION,
    WITH_INTERVALS,
    if_any,
    shots_words,
    slides_words,
)

_LEVEL_TITLES = {'slide': 'Slides', 'patch': 'Patches'}
COLUMNS = (
    *('level', 'method', 'label', 'shots', 'figure', 'value', 'low', 'high'),
    *('runs', 'draws', 'about', 'reference', 'reference_shots', 'difference'),
    *('difference_low', 'difference_high', 'paired_runs', 'p', 'p_holm'),
    *('reason', 'last_loss', 'loss_before'),
)
_LATEX = {
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '−': '$-$',
    '–': '--',
    '×': r'$\times$',
    **{mark: f'\\{mark}' for mark in '&%$#_{}'},
    # At the start of a row, \\ would take these as its own arguments.
    **{mark: f'{{{mark}}}' for mark in '[]*'},
    # In LaTeX's old default encoding these print as ¡, ¿, ”.
    '<': r'\textless{}',
    '>': r'\textgreater{}',
    '"': r'\textquotedbl{}',
    '|': r'\textbar{}',
}


def latex(text: str) -> str:
    """Escape what LaTeX reads as a command; a line break becomes a space.

    >>> latex('100 % of A_1 & B')
    '100 \\\\% of A\\\\_1 \\\\& B'
    """
    return ''.join(_LATEX.get(mark, mark) for mark in ' '.join(text.split()))


def markdown(text: str) -> str:
    """Escape what Markdown or HTML reads as a mark; a line break becomes a space."""
    text = ' '.join(text.split())
    for mark, written in (('&', '&amp;'), ('<', '&lt;'), ('>', '&gt;')):
        text = text.replace(mark, written)
    return ''.join(f'\\{mark}' if mark in '\\|`*_[]' else mark for mark in text)


def spreadsheet(text: str) -> str:
    """Return a text that a spreadsheet does not read as a formula.

    Files of predictions, which are read back, hold names as they are.

    >>> spreadsheet('=1+1'), spreadsheet('CITE')
    ("'=1+1", 'CITE')
    """
    return f"'{text}" if text.lstrip()[:1] in {*'=+-@'} else text


def notes(results: Results, summary: Summary) -> list[str]:
    """Describe the table's numbers, in sentences for any format."""
    reference = results.reference_label
    patients = len({patient for patient in results.patients if patient})
    units = 'patients' if patients else 'slides'
    bounds = if_any(
        (cell.value for cell in summary.cells.values()),
        f',{WITH_INTERVALS}: {QUESTION} ({units} and draws are the two samples)',
    )
    lines = [
        f'{count(len(results.slides), "test slide")}'
        + (f' of {count(patients, "patient")}' if patients else '')
        + f': mean over draws of training slides{bounds}.',
        f'A star: differs from {reference} at the same number of training slides, and '
        'would on new patients and new training slides; p at most 0.05 after Holm’s '
        'correction over all tests of that metric.',
        'All in percent; kappa times 100, NLL in nats. ECE and NLL: less is better.',
    ]
    answers = [' '.join(pair) for pair in text_effect(results, summary)]
    vectors = [
        vectors_note(label, described, results.classes)
        for label, described in class_vectors(results)
    ]
    return [*answers, *lines, *cautions(results, summary), *vectors]


def csv_table(results: Results, summary: Summary) -> str:
    """Write every metric and test, a line each.

    A method that is not trained has a line for each number of shots of the reference
    that it is tested against.
    """
    rows = []
    losses = {(one.method, one.shots): one for one in convergences(results)}
    for (level, method, shots, metric), cell in summary.cells.items():
        one = losses.get((method, shots))
        end = ['', ''] if one is None else [_exact(one.loss), _exact(one.before)]
        keys = [level, method, spreadsheet(results.methods[method])]
        keys += [shots_words(shots), metric]
        about = 'models' if cell.models else 'methods'
        head = [*keys, *map(_exact, cell.value), cell.runs, cell.draws, about]
        tests = [
            t
            for t in summary.family(level, metric)
            if t.method == method and (shots is None or t.shots == shots)
        ]
        for t in tests:
            difference = [*map(_exact, t.difference), t.runs, _exact(t.p)]
            against = [results.reference, shots_words(t.shots)]
            judged = [_exact(t.adjusted), t.reason]
            rows.append([*head, *against, *difference, *judged, *end])
        if not tests:
            rows.append([*head, *[''] * 8, cell.reason, *end])
    return csv_text(COLUMNS, rows)


def _exact(value: float) -> str:
    return '' if value != value else f'{value:.6g}'


def markdown_table(results: Results, summary: Summary) -> str:
    """Write a table for each level, methods by number of training slides."""
    lines = [f'# {markdown(results.settings["title"])}']
    for level in LEVELS:
        rows = _rows(results, summary, level)
        if not rows:
            continue
        lines += ['', f'## {_LEVEL_TITLES[level]}', '']
        head = ['Slides a class', 'Method', 'Runs', *_heads(summary)]
        lines += [_line(head), _line(['---', '---', *['---:'] * (len(head) - 2)])]
        for shots, cells in rows:
            lines.append(_line([*map(markdown, [shots_words(shots), *cells])]))
    lines += ['', *(f'- {markdown(note)}' for note in notes(results, summary))]
    calibration = calibration_rows(results)
    if calibration:
        lines += ['', '## Temperature and sets of classes', '', _line([*HEAD])]
        lines.append(_line(['---', '---', *['---:'] * (len(HEAD) - 2)]))
        lines += [_line([*map(markdown, row)]) for row in calibration]
        lines += ['', markdown(NOTE)]
    lines += ['', '## Protocol', '']
    for rule in protocol(results):
        kept = '' if rule.kept else '**Departs:** '
        lines.append(f'- {kept}{markdown(rule.text)}')
    return '\n'.join(lines) + '\n'


def _line(cells: list[str]) -> str:
    return f'| {" | ".join(cells)} |'


def _heads(summary: Summary) -> list[str]:
    return [METRIC_LABELS[metric].short for metric in summary.metrics]


def _rows(
    results: Results, summary: Summary, level: str
) -> list[tuple[Shots, list[str]]]:
    """Return a level's rows: the shots, and cells with method, runs and metrics."""
    rows = []
    marks = marked(results)
    for shots, method in summary.rows(level):
        values = []
        for metric in summary.metrics:
            key = (level, method, shots, metric)
            interval = METRIC_LABELS[metric].write_interval(summary.cells[key].value)
            values.append(f'{interval}*' if summary.differs(key) else interval)
        first = summary.cells[level, method, shots, summary.metrics[0]]
        name = results.methods[method]
        name = f'{name} {MARK}' if (method, shots) in marks else name
        rows.append((shots, [name, first.runs_text, *values]))
    return rows


def latex_table(results: Results, summary: Summary) -> str:
    """Write tables for a paper; they need the package booktabs and T1 fonts."""
    parts = ['% \\usepackage{booktabs} \\usepackage[T1]{fontenc}']
    for level in LEVELS:
        rows = _rows(results, summary, level)
        if rows:
            parts.append(_latex_table(results, summary, level, rows))
    return '\n'.join(parts)


def _latex_table(
    results: Results, summary: Summary, level: str, rows: list[tuple[Shots, list[str]]]
) -> str:
    title = f'{results.settings["title"]}: {_LEVEL_TITLES[level].lower()}.'
    caption = latex(' '.join([title, *notes(results, summary)]))
    heads = ' & '.join(['Method', 'Runs', *map(latex, _heads(summary))])
    lines = [
        '\\begin{table*}',
        '\\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}',
        f'\\caption{{{caption}}}',
        f'\\label{{tab:comparison-{level}}}',
        f'\\begin{{tabular}}{{l{"r" * (len(summary.metrics) + 1)}}}',
        '\\toprule',
        f'{heads} \\\\',
    ]
    for shots, group in itertools.groupby(rows, lambda row: row[0]):
        span = f'\\multicolumn{{{len(summary.metrics) + 2}}}{{l}}'
        lines += ['\\midrule', f'{span}{{\\emph{{{slides_words(shots)}}}}} \\\\']
        lines += [f'{" & ".join(map(_latex_cell, cells))} \\\\' for _, cells in group]
    return '\n'.join([*lines, '\\bottomrule', '\\end{tabular}', '\\end{table*}', ''])


def _latex_cell(text: str) -> str:
    """Escape a cell, with its interval in small type."""
    estimate, bracket, bounds = text.partition(' [')
    if not bracket:
        return latex(text)
    small = f'{{\\scriptsize [{latex(bounds.rstrip("*"))}}}'
    return latex(estimate) + ' ' + small + ('$^{*}$' if text.endswith('*') else '')
