"""Rows whose training was perhaps too short are marked."""

import json

import numpy as np
import pytest
from made_up_comparison import make_comparison

from cite.compare.folder.read_results import read_results
from cite.compare.report import write_all
from cite.compare.report.convergence import convergences, marked
from cite.compare.report.protocol import protocol


@pytest.fixture
def out(tmp_path):
    return make_comparison(
        tmp_path / 'out',
        slides=30,
        methods=('cite', 'linear'),
        shots=(1,),
        draws=2,
        seeds=1,
        patch_files=False,
        failures=0,
    )


def with_losses(out, losses):
    """Write last loss and the one before into the lines of each method."""
    lines = [json.loads(x) for x in (out / 'results.jsonl').read_text().splitlines()]
    for line in lines:
        if line['method'] in losses:
            loss, before = losses[line['method']]
            line['training'] = {'loss': loss, 'loss_before': before, 'steps': 40}
    text = ''.join(json.dumps(line) + '\n' for line in lines)
    (out / 'results.jsonl').write_text(text)
    return read_results(out)


@pytest.mark.parametrize(
    ('loss', 'before', 'verdict'),
    [
        (1.12, 1.13, 'not clearly below a guess'),  # ln 3 is 1.0986
        (0.99, 1.0, 'not clearly below a guess'),  # 0.9 of it 0.98875
        (0.98, 1.0, ''),
        (0.5, 0.6, 'still falling'),
        (0.5, 0.52, ''),
        (0.5, 0.4, ''),
    ],
)
def test_a_row_is_marked_by_its_last_losses(out, loss, before, verdict):
    results = with_losses(out, {'cite': (loss, before)})
    (row,) = convergences(results)
    assert (row.method, row.shots, row.loss) == ('cite', 1, pytest.approx(loss))
    assert row.chance == pytest.approx(np.log(3))
    assert marked(results).get(('cite', 1), '') == verdict


def test_the_mark_is_on_the_page_and_in_the_tables(out):
    with_losses(out, {'cite': (1.12, 1.13), 'linear': (0.3, 0.3)})
    write_all(out)
    table = (out / 'table.md').read_text(encoding='utf-8')
    assert '| 1 | CITE ‡ |' in table
    assert '| 1 | Linear probe |' in table
    assert 'Perhaps not trained to the end' in table
    csv = (out / 'table.csv').read_text(encoding='utf-8').splitlines()
    assert csv[0].endswith('reason,last_loss,loss_before')
    assert csv[1].endswith(',1.12,1.13')
    page = (out / 'report.html').read_text(encoding='utf-8')
    assert '‡ not clearly below a guess' in page


def test_folders_without_losses_are_read_as_before(out):
    results = read_results(out)
    assert convergences(results) == []
    write_all(out)
    assert '‡' not in (out / 'table.md').read_text(encoding='utf-8')


def broken(results):
    return ' '.join(rule.text for rule in protocol(results) if not rule.kept)


def test_the_protocol_names_what_departs_from_it(out):
    results = read_results(out)
    text = broken(results)
    assert '2 draws of training slides × 1 seed' in text
    assert '5 draws are needed' in text
    assert 'No patient is both' not in text


def test_unequal_numbers_of_trials_are_not_fair(out):
    path = out / 'comparison.json'
    settings = json.loads(path.read_text())
    settings['methods']['cite']['trials'] = 3
    settings['methods']['linear']['trials'] = 0
    path.write_text(json.dumps(settings))
    text = broken(read_results(out))
    assert '3 trials for CITE, no trials for Linear probe' in text
    settings['methods']['linear']['trials'] = 3
    path.write_text(json.dumps(settings))
    assert 'trials' not in broken(read_results(out))


def test_rows_of_several_rates_are_tuning_on_test_slides(out):
    path = out / 'comparison.json'
    settings = json.loads(path.read_text())
    for name, rate in (('cite', 0.1), ('linear', 0.2)):
        same = {'type': 'trained', 'config': 'a.py', 'options': {'optimizer.lr': rate}}
        settings['methods'][name].update(same)
    path.write_text(json.dumps(settings))
    assert 'CITE, Linear probe differ in their rate' in broken(read_results(out))
    settings['methods']['linear']['options'] = {'optimizer.lr': 0.1, 'model.a': 1}
    path.write_text(json.dumps(settings))
    assert 'differ in their rate' not in broken(read_results(out))


def test_unknown_patients_depart_from_the_protocol(tmp_path):
    out = make_comparison(
        tmp_path / 'out',
        slides=30,
        methods=('cite',),
        shots=('all',),
        patch_files=False,
        failures=0,
        patients=False,
    )
    text = broken(read_results(out))
    assert 'The patients are not known' in text
    assert 'one choice of slides' in text
