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
from cite.compare.statistics.bootstrap import Interval
from cite.compare.statistics.summarise import summarise


@pytest.fixture(scope='module')
def parts(tmp_path_factory):
    out = make_comparison(
        tmp_path_factory.mktemp('findings') / 'out',
        slides=80,
        methods=('cite', 'linear'),
        shots=(1,),
        draws=5,
        resamples=100,
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


@pytest.mark.parametrize(('number', 'few'), [(29, True), (30, False)])
def test_few_patients_are_a_reason_for_care(parts, number, few):
    results, summary = parts
    text = cautious(with_patients(results, number), replace(summary, clusters=number))
    assert ('Only 29 patients among the test slides' in text) is few


def test_unknown_patients_are_a_reason_for_care(parts):
    results, summary = parts
    text = cautious(with_patients(results, 0), replace(summary, clusters=10))
    assert 'Patients are not known' in text
    assert 'Only 10' not in text


def test_few_draws_are_a_reason_for_care(parts):
    results, summary = parts
    assert 'of training slides (†)' not in cautious(results, summary)
    cells = {key: replace(cell, draws=4) for key, cell in summary.cells.items()}
    text = cautious(results, replace(summary, cells=cells))
    assert 'only 4 draws of training slides' in text


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


def test_a_star_out_of_reach_is_said(parts):
    results, summary = parts
    tests = len(summary.family('slide', 'accuracy'))
    for number in (4, 5, 6):
        text = cautious(
            with_patients(results, number), replace(summary, clusters=number)
        )
        assert ('none can have a star' in text) is (tests * 2 / 2**number > 0.05)


def test_an_untrained_method_may_lead(tmp_path):
    out = make_comparison(
        *(tmp_path / 'o', 80),
        methods=('cite', 'zeroshot'),
        shots=(1,),
        resamples=50,
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
        resamples=50,
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
        assert expected in findings(results, one)[-1]


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
