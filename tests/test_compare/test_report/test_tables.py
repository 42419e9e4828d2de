"""The tables read back, by what reads such files."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from made_up_comparison import make_comparison

from cite.compare.folder.read_results import read_results
from cite.compare.report import write_all
from cite.compare.report.tables import latex, spreadsheet
from cite.compare.statistics.summarise import summarise


def _number(text):
    return float(text.replace('−', '-').replace('$-$', '-'))


def test_the_csv_holds_every_metric_and_test(written):
    table = pd.read_csv(written / 'table.csv', dtype={'shots': str})
    summary = summarise(read_results(written))
    cells = {
        (level, method, 'none' if shots is None else str(shots), figure): cell
        for (level, method, shots, figure), cell in summary.cells.items()
    }
    keys = list(zip(table.level, table.method, table.shots, table.figure))
    assert set(keys) == set(cells)
    for key, low in zip(keys, table.low):
        assert low == pytest.approx(cells[key].value.low, rel=1e-5, nan_ok=True)
    tested = table[table.difference.notna()]
    assert len(tested) == len(summary.tests)
    assert set(tested.about) == {'models', 'methods'}
    for row in tested.itertuples():
        shots = row.reference_shots if row.shots == 'none' else row.shots
        key = (row.level, row.method, shots if shots == 'all' else int(shots))
        test = summary.tests[(*key, row.figure)]
        assert row.p_holm == pytest.approx(test.adjusted, rel=1e-5, nan_ok=True)
        assert row.difference == pytest.approx(test.difference.estimate, rel=1e-5)


def _markdown_rows(text):
    lines = [line for line in text.splitlines() if line.startswith('|')]
    split = [re.split(r'(?<!\\)\|', line)[1:-1] for line in lines]
    return [[re.sub(r'\\(.)', r'\1', cell).strip() for cell in row] for row in split]


def test_the_markdown_reads_back(written):
    rows = _markdown_rows((written / 'table.md').read_text())
    assert len({len(row) for row in rows}) == 1
    summary = summarise(read_results(written))
    row = next(r for r in rows if r[:2] == ['4', 'Linear probe'])
    cell = summary.cells['slide', 'linear', 4, 'accuracy']
    match = re.fullmatch(r'(\S+) \[(\S+), (\S+)\](\*?)', row[3])
    assert [_number(x) for x in match.groups()[:3]] == pytest.approx(
        cell.value, abs=0.051
    )
    starred = summary.tests['slide', 'linear', 4, 'accuracy'].significant
    assert bool(match.group(4)) == starred


def test_rows_go_by_shots_and_methods_as_in_the_config(written):
    slides = (written / 'table.md').read_text().split('## Patches')[0]
    trained = ['CITE', 'Linear probe', 'ABMIL']
    assert [row[:2] for row in _markdown_rows(slides)[2:]] == [
        ['none', 'Zero-shot'],
        *([shots, method] for shots in ('1', '4', 'all') for method in trained),
    ]


def test_the_latex_has_as_many_cells_in_every_line(written):
    text = (written / 'table.tex').read_text()
    for table in re.findall(r'\\begin{tabular}{(.*?)}(.*?)\\end{tabular}', text, re.S):
        columns, body = table
        lines = [x for x in body.split('\\\\\n') if '&' in x]
        assert lines
        for line in lines:
            assert len(re.findall(r'(?<!\\)&', line)) == len(columns) - 1
    assert text.count('{') - text.count('\\{') == text.count('}') - text.count('\\}')


def test_shots_are_counted_as_they_are_written(tmp_path):
    out = make_comparison(
        tmp_path / 'out',
        slides=12,
        methods=('cite',),
        shots=(1, 11, 21, 'all'),
        draws=1,
        seeds=1,
        patch_files=False,
        failures=0,
    )
    write_all(out)
    heads = re.findall(r'\\emph{(.*?)}', (out / 'table.tex').read_text())
    assert heads == [
        '1 training slide a class',
        '11 training slides a class',
        '21 training slides a class',
        'all training slides',
    ]


def test_latex_reads_no_command_in_a_name():
    assert latex('5_0% & #1 {x} $y$ ~^\\') == (
        r'5\_0\% \& \#1 \{x\} \$y\$ \textasciitilde{}\textasciicircum{}'
        r'\textbackslash{}'
    )
    assert latex('<a|b>') == r'\textless{}a\textbar{}b\textgreater{}'
    assert latex('two\nlines') == 'two lines'


HOSTILE = {
    'cite': '<script>alert(1)</script> | a_b & 50 % $x$ \\input{f}',
    'linear': '"quoted", with comma\nand line',
}


@pytest.fixture(scope='module')
def hostile(tmp_path_factory):
    out = make_comparison(
        tmp_path_factory.mktemp('h') / 'out',
        slides=20,
        methods=('cite', 'linear'),
        shots=(1,),
        draws=1,
        labels=HOSTILE,
        title='</title><script>alert(2)</script> & _title_',
        classes=('<script>alert(3)</script>', 'b"><img src=x onerror=alert(4)>', "c'"),
        failures=1,
    )
    write_all(out)
    return out


def test_hostile_names_stay_text_in_every_table(hostile):
    table = pd.read_csv(io.StringIO((hostile / 'table.csv').read_text()))
    assert set(table.label) == set(HOSTILE.values())
    rows = _markdown_rows((hostile / 'table.md').read_text())
    assert len({len(row) for row in rows}) == 1
    assert '<script' not in (hostile / 'table.md').read_text()
    tex = (hostile / 'table.tex').read_text()
    assert '\\input' not in tex
    assert r'a\_b \& 50 \% \$x\$ \textbackslash{}input\{f\}' in tex


def test_hostile_names_stay_text_in_the_report(hostile):
    page = (hostile / 'report.html').read_text()
    assert len(re.findall('<script', page)) == 1
    assert '<img src=x' not in page
    assert '&lt;script&gt;alert(3)&lt;/script&gt;' in page


def test_a_metric_without_a_value_is_a_dash(tmp_path):
    out = make_comparison(
        *(tmp_path / 'o', 30),
        methods=('cite',),
        shots=(1,),
        draws=1,
        seeds=1,
        patch_files=False,
        failures=0,
    )
    for path in (out / 'predictions').iterdir():
        text = path.read_text()
        for name in ('Moderately', 'Poorly'):
            text = text.replace(f',{name} differentiated,', ',Well differentiated,')
        head = path.read_text().splitlines()[0]
        path.write_text('\n'.join([head, *text.splitlines()[1:]]) + '\n')
    write_all(out)
    rows = _markdown_rows((out / 'table.md').read_text())
    assert rows[2][6] == '–'  # one class alone has no AUROC
    table = pd.read_csv(out / 'table.csv').set_index('figure')
    assert np.isnan(table.value['auroc'])
    assert table.value['accuracy'] >= 0


def test_labels_are_text_to_latex_and_spreadsheets(tmp_path):
    labels = {'cite': '[CLS] probe', 'linear': '*best', 'zeroshot': '=HYPERLINK("x")'}
    out = make_comparison(
        tmp_path / 'out',
        slides=8,
        methods=tuple(labels),
        shots=(1,),
        draws=1,
        seeds=1,
        failures=0,
        labels=labels,
    )
    write_all(out)
    tex = (out / 'table.tex').read_text()
    assert '{[}CLS{]} probe' in tex
    assert '{*}best' in tex
    # A line break of LaTeX takes what follows it as its arguments.
    assert not re.search(r'\\\\\s*[\[*]', tex)
    table = pd.read_csv(out / 'table.csv')
    assert {*table.label} == {'[CLS] probe', '*best', '\'=HYPERLINK("x")'}


@pytest.mark.parametrize('text', ['=1+1', '+1', '-1', '@SUM(A1)', ' =1', '\t=1'])
def test_a_formula_becomes_text_and_nothing_else_changes(text):
    assert spreadsheet(text) == f"'{text}"
    assert spreadsheet(f'a{text}') == f'a{text}'
