"""The comparison's tables: Markdown to read, CSV for a program, LaTeX for a paper."""

import csv
import io
from typing import Optional

from cite.compare.folder.outcome import Outcome, Shots
from cite.compare.statistics.summary import LEVELS, Summary

from .findings import cautions
from .words import FIGURE_WORDS, count, shots_words, slides_words

_LEVEL_TITLES = {'slide': 'Slides', 'patch': 'Patches'}
COLUMNS = (
    *('level', 'method', 'label', 'shots', 'figure', 'value', 'low', 'high'),
    *('runs', 'draws', 'reference', 'reference_shots', 'difference'),
    *('difference_low', 'difference_high', 'paired_runs', 'p', 'p_holm'),
)
_LATEX = {
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '−': '$-$',
    '–': '--',
    '×': r'$\times$',
    **{mark: f'\\{mark}' for mark in '&%$#_{}'},
    # Of the T1 encoding; in LaTeX's old default they print as ¡, ¿, ”.
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


def notes(outcome: Outcome, summary: Summary) -> list[str]:
    """Say what the table's numbers are, in sentences for any format."""
    reference = outcome.reference_label
    patients = len({patient for patient in outcome.patients if patient})
    units = 'patients' if patients else 'slides'
    lines = [
        f'{count(len(outcome.slides), "test slide")}'
        + (f' of {count(patients, "patient")}' if patients else '')
        + ': mean over draws of training slides and seeds, with 95 % bootstrap '
        f'intervals over {units}, draws and seeds '
        f'({count(summary.resamples, "resample")}).',
        f'A star: differs from {reference} with as many training slides, by a paired '
        'bootstrap, p at most 0.05 after Holm’s correction over all comparisons of '
        'that figure.',
        'All in percent; kappa times 100, NLL in nats. Of ECE and NLL less is better.',
    ]
    return [*lines, *cautions(outcome, summary)]


def csv_table(outcome: Outcome, summary: Summary) -> str:
    """Write every figure and test, a line each.

    A method that is not trained has a line for each number of shots of the reference
    that it is tested against.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator='\n')
    writer.writerow(COLUMNS)
    for (level, method, shots, figure), cell in summary.cells.items():
        head = [level, method, outcome.methods[method], shots_words(shots), figure]
        values = [*map(_exact, cell.value), cell.runs, cell.draws]
        tests = [
            t
            for t in summary.family(level, figure)
            if t.method == method and (shots is None or t.shots == shots)
        ]
        for t in tests:
            difference = [*map(_exact, t.difference), t.runs, _exact(t.p)]
            against = [outcome.reference, shots_words(t.shots)]
            writer.writerow([*head, *values, *against, *difference, _exact(t.adjusted)])
        if not tests:
            writer.writerow([*head, *values, *[''] * 8])
    return stream.getvalue()


def _exact(value: float) -> str:
    return '' if value != value else f'{value:.6g}'


def markdown_table(outcome: Outcome, summary: Summary) -> str:
    """Write a table for each level, methods by number of training slides."""
    lines = [f'# {markdown(outcome.settings["title"])}']
    for level in LEVELS:
        rows = _rows(outcome, summary, level)
        if not rows:
            continue
        lines += ['', f'## {_LEVEL_TITLES[level]}', '']
        head = ['Slides a class', 'Method', 'Runs', *_heads(summary)]
        lines += [_line(head), _line(['---', '---', *['---:'] * (len(head) - 2)])]
        lines += [_line([markdown(text) for text in row]) for row in rows]
    lines += ['', *(f'- {markdown(note)}' for note in notes(outcome, summary))]
    return '\n'.join(lines) + '\n'


def _line(cells: list[str]) -> str:
    return f'| {" | ".join(cells)} |'


def _heads(summary: Summary) -> list[str]:
    return [FIGURE_WORDS[figure].short for figure in summary.figures]


def _rows(outcome: Outcome, summary: Summary, level: str) -> list[list[str]]:
    """Return the cells of a level's table: shots, method, runs, figures."""
    rows = []
    for shots, method in summary.rows(level):
        cells = [
            _figure(summary, level, method, shots, name) for name in summary.figures
        ]
        first = summary.cells[level, method, shots, summary.figures[0]]
        runs = f'{first.runs}{"†" if first.few_draws else ""}'
        rows.append([shots_words(shots), outcome.methods[method], runs, *cells])
    return rows


def _figure(
    summary: Summary, level: str, method: str, shots: Shots, figure: str
) -> str:
    cell = summary.cells[level, method, shots, figure]
    test = summary.tests.get((level, method, shots, figure))
    star = '*' if test and test.significant else ''
    return FIGURE_WORDS[figure].write_interval(cell.value) + star


def latex_table(outcome: Outcome, summary: Summary) -> str:
    """Write tables for a paper; they need the package booktabs and T1 fonts."""
    parts = ['% \\usepackage{booktabs} \\usepackage[T1]{fontenc}']
    for level in LEVELS:
        rows = _rows(outcome, summary, level)
        if rows:
            parts.append(_latex_table(outcome, summary, level, rows))
    return '\n'.join(parts)


def _latex_table(
    outcome: Outcome, summary: Summary, level: str, rows: list[list[str]]
) -> str:
    title = f'{outcome.settings["title"]}: {_LEVEL_TITLES[level].lower()}.'
    caption = latex(' '.join([title, *notes(outcome, summary)]))
    heads = ' & '.join(['Method', 'Runs', *map(latex, _heads(summary))])
    lines = [
        '\\begin{table*}',
        '\\centering\\footnotesize\\setlength{\\tabcolsep}{3pt}',
        f'\\caption{{{caption}}}',
        f'\\label{{tab:comparison-{level}}}',
        f'\\begin{{tabular}}{{l{"r" * (len(summary.figures) + 1)}}}',
        '\\toprule',
        f'{heads} \\\\',
    ]
    before: Optional[str] = None
    for shots, *cells in rows:
        if shots != before:
            words = slides_words(None if shots == 'none' else shots)
            span = f'\\multicolumn{{{len(cells)}}}{{l}}'
            lines += ['\\midrule', f'{span}{{\\emph{{{_one(words)}}}}} \\\\']
        before = shots
        lines.append(f'{" & ".join(map(_latex_cell, cells))} \\\\')
    return '\n'.join([*lines, '\\bottomrule', '\\end{tabular}', '\\end{table*}', ''])


def _one(words: str) -> str:
    return words.replace('1 training slides', '1 training slide')


def _latex_cell(text: str) -> str:
    """Escape a cell, with its interval in small type."""
    estimate, bracket, bounds = text.partition(' [')
    if not bracket:
        return latex(text)
    small = f'{{\\scriptsize [{latex(bounds.rstrip("*"))}}}'
    return latex(estimate) + ' ' + small + ('$^{*}$' if text.endswith('*') else '')
