"""What the report says in words: who leads, and what makes a reader careful."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_comparison import CLASSES, make_comparison

from cite.compare.folder.read_results import read_results
from cite.compare.report import write_all
from cite.compare.report.findings import cautions, findings
from cite.compare.report.page import report_page
from cite.compare.report.tables import markdown_table
from cite.compare.statistics.interval import Interval
from cite.compare.statistics.summarise import summarise


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
    out = make_comparison(
        tmp_path_factory.mktemp('findings') / 'out',
        slides=80,
        methods=('cite', 'linear'),
        shots=(1,),
        draws=5,
        patch_files=False,
        failures=0,
    )
    results = read_results(out)
    return results, summarise(results)


def cautious(results, summary):
    return ' '.join(cautions(results, summary))


def with_patients(results, number):
    """Deal the slides out among so many patients; 0: none is known."""
    names = [f'p{i % number}' if number else '' for i in range(len(results.slides))]
    return replace(results, patients=np.array(names))


@pytest.mark.parametrize(('number', 'few'), [(9, True), (10, False)])
def test_few_patients_are_a_reason_for_no_interval(parts, number, few):
    results = with_patients(parts[0], number)
    summary = summarise(results)
    assert ('With fewer than 10 patients' in cautious(results, summary)) is few
    value = summary.cells['slide', 'linear', 1, 'accuracy'].value
    test = summary.tests['slide', 'linear', 1, 'accuracy']
    assert bool(np.isnan(value.low)) is few
    assert test.tested is not few


@pytest.mark.parametrize(('number', 'given'), [(9, False), (10, True)])
def test_intervals_are_not_spoken_of_where_there_are_none(parts, number, given):
    results = with_patients(parts[0], number)
    summary = summarise(results)
    page, table = report_page(results, summary), markdown_table(results, summary)
    for words in (
        'with 95 % intervals',
        'bands and bars',
        'with its 95 % band',
        'and below it a 95 % interval',
    ):
        assert (words in page) is given, words
    assert ('with 95 % intervals' in table) is given


def test_a_class_of_few_patients_is_a_reason_for_no_interval(parts):
    results = parts[0]
    rare = results.labels == results.labels[0]
    patients = np.where(rare, 'p', results.patients)  # all slides of a class are one's
    results = replace(results, patients=patients)
    summary = summarise(results)
    assert 'A class with fewer than 7 patients' in cautious(results, summary)
    for metric, given in (('accuracy', True), ('nll', True), ('auroc', False)):
        value = summary.cells['slide', 'linear', 1, metric].value
        assert bool(np.isnan(value.low)) is not given, metric


def test_unknown_patients_are_a_reason_for_care(parts):
    results = with_patients(parts[0], 0)
    text = cautious(results, summarise(results))
    assert 'Patients are not known' in text
    assert 'fewer than 10' not in text


@pytest.mark.parametrize(('draws', 'few'), [(4, True), (5, False)])
def test_with_few_draws_models_are_compared_and_not_methods(parts, draws, few):
    runs = [run for run in parts[0].runs if run.draw <= draws]
    results = replace(parts[0], runs=runs)
    summary = summarise(results)
    assert ('these trained models' in cautious(results, summary)) is few
    cell = summary.cells['slide', 'linear', 1, 'accuracy']
    test = summary.tests['slide', 'linear', 1, 'accuracy']
    assert cell.runs_text == f'{2 * draws}{"†" if few else ""}'
    assert cell.value.low < cell.value.estimate < cell.value.high
    assert test.tested is not few
    assert test.difference.low < test.difference.high
    if few:
        assert not test.significant
        assert 'CITE on accuracy can be tested' in findings(results, summary)[0]


def test_what_draws_share_is_said(parts):
    results, summary = parts
    settings = {**results.settings, 'overlap': {'1': 0.25, 'all': 0.0}}
    text = cautious(replace(results, settings=settings), summary)
    assert 'share slides' in text
    assert '25 % with 1 training slide a class' in text
    assert 'share slides' not in cautious(results, summary)


def test_failed_jobs_are_a_reason_for_care(parts):
    results, summary = parts
    failed = replace(results, failures=[('linear-1shot', 'ValueError')] * 2)
    assert '2 jobs failed' in cautious(failed, summary)


def test_the_leader_is_named_with_its_interval(parts):
    results, summary = parts
    cells = {m: summary.cells['slide', m, 1, 'accuracy'].value for m in results.methods}
    best = max(cells, key=lambda m: cells[m].estimate)
    first = findings(results, summary)[0]
    assert first.startswith(
        f'With 1 training slide a class, {results.methods[best]} has the best accuracy'
    )
    assert f'{cells[best].estimate:.1f} [{cells[best].low:.1f}' in first


def test_an_untrained_method_may_lead(tmp_path):
    out = make_comparison(
        *(tmp_path / 'o', 80),
        methods=('cite', 'zeroshot'),
        shots=(1,),
        patch_files=False,
        failures=0,
    )
    for path in (out / 'predictions').glob('zeroshot*.csv'):
        table = pd.read_csv(path, dtype={'slide': str})
        for name in CLASSES:
            table[name] = (table['label'] == name).astype(float)
        table.to_csv(path, index=False)
    results = read_results(out)
    first = findings(results, summarise(results))[0]
    assert first.startswith('With 1 training slide a class, Zero-shot has the best')


def test_without_a_run_of_the_reference_the_others_are_reported(tmp_path):
    out = make_comparison(
        *(tmp_path / 'o', 30),
        methods=('cite', 'linear', 'abmil'),
        shots=(1,),
        failures=0,
    )
    lines = [json.loads(line) for line in (out / 'results.jsonl').open()]
    for line in lines:
        if line['method'] == 'cite':
            line.pop('figures')
            line['error'] = 'FileNotFoundError: BioLinkBERT'
    text = ''.join(json.dumps(line) + '\n' for line in lines)
    (out / 'results.jsonl').write_text(text)
    write_all(out)
    for name in ('table.md', 'report.html'):
        text = (out / name).read_text(encoding='utf-8')
        assert 'CITE, the reference, has no finished run' in text
        assert 'Linear probe' in text


def test_better_and_worse_are_counted_by_the_metrics_sense(parts):
    results, summary = parts
    interval = Interval(5.0, 3.0, 7.0)
    for metric, expected in (('accuracy', '1 better, 0 worse'), ('nll', '0 better, 1')):
        key = ('slide', 'linear', 1, metric)
        test = replace(summary.tests[key], difference=interval, adjusted=0.01)
        one = replace(summary, metrics=(metric,), tests={key: test})
        assert expected in findings(results, one)[0]


def test_the_leader_and_how_many_differ_are_one_sentence(parts):
    results, summary = parts
    key = ('slide', 'linear', 1, 'accuracy')
    test = replace(summary.tests[key], p=0.5, adjusted=0.5)
    (line,) = findings(results, replace(summary, tests={key: test}))
    assert 'has the best accuracy' in line
    assert line.endswith(
        '; 0 of 1 comparison with CITE on accuracy differs after Holm’s correction.'
    )


def test_the_least_likelihood_leads(parts):
    results, summary = parts
    cells = {m: summary.cells['slide', m, 1, 'nll'].value for m in results.methods}
    best = min(cells, key=lambda m: cells[m].estimate)
    first = findings(results, replace(summary, metrics=('nll',)))[0]
    assert f'{results.methods[best]} has the best negative log-likelihood' in first


@pytest.mark.parametrize(
    ('adjusted', 'verdict'),
    [(0.05, 'the two differ'), (0.051, 'no difference is shown')],
)
def test_a_leader_differs_where_the_corrected_value_says_so(parts, adjusted, verdict):
    results, summary = parts
    key = ('slide', 'linear', 1, 'accuracy')
    cell = replace(summary.cells[key], value=Interval(100.0, 99.0, 100.0))
    test = replace(summary.tests[key], p=0.02, adjusted=adjusted)
    leading = replace(summary, cells={**summary.cells, key: cell}, tests={key: test})
    assert f'and {verdict}' in findings(results, leading)[0]
