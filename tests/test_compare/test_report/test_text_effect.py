"""What the report says of the texts, from made-up runs of CITE and its controls."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up_comparison import make_comparison

from cite.compare.folder.read_results import read_results
from cite.compare.folder.training import Vectors
from cite.compare.report import write_all
from cite.compare.report.protocol import protocol
from cite.compare.report.text_effect import class_vectors, text_effect, vectors_note
from cite.compare.statistics.summarise import summarise

COSINES = [[1, 0.74, 0.74], [0.74, 1, 0.994], [0.74, 0.994, 1]]
TEXTS = {'cosines': COSINES, 'contrast': 0.592171, 'temperature': 4.60517}
RANDOM = {'cosines': np.eye(3).tolist(), 'contrast': 1.414214, 'temperature': 3.73474}


@pytest.fixture(scope='module')
def out(tmp_path_factory):
    """CITE and two controls that know nothing: their labels are dealt at random."""
    folder = make_comparison(
        tmp_path_factory.mktemp('effect') / 'out',
        slides=120,
        methods=('cite', 'linear', 'finetune'),
        shots=(1, 'all'),
        draws=5,
        patch_files=False,
        failures=0,
    )
    change_settings(
        folder, controls={'cite': {'rotated': 'linear', 'random': 'finetune'}}
    )
    lines = [json.loads(x) for x in (folder / 'results.jsonl').read_text().splitlines()]
    for line in lines:
        if line['method'] != 'cite':
            vectors = TEXTS if line['method'] == 'linear' else RANDOM
            line['training'] = {'texts': TEXTS, 'vectors': vectors}
    text = ''.join(json.dumps(line) + '\n' for line in lines)
    (folder / 'results.jsonl').write_text(text)
    return folder


def change_settings(folder, **changes):
    path = folder / 'comparison.json'
    settings = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in settings.items() if v is not None}))


def spoil(results, method, share):
    """Give a method the scores of CITE, but of a wrong class for a share of slides."""
    runs = []
    for run in results.runs:
        if run.method == method:
            (cite,) = (
                r
                for r in results.of('cite', run.shots)
                if (r.draw, r.seed) == (run.draw, run.seed)
            )
            scores = cite.scores.copy()
            wrong = np.random.default_rng(run.draw).random(len(scores)) < share
            scores[wrong] = np.roll(scores[wrong], 1, axis=1)
            run = replace(run, scores=scores)
        runs.append(run)
    return replace(results, runs=runs)


def answer(results, place=0):
    return text_effect(results, summarise(results))[place][1]


def test_a_control_that_is_worse_shows_that_the_meaning_counts(out):
    text = answer(spoil(read_results(out), 'linear', 0.6))
    assert text.startswith('Yes. CITE minus the same with rotated texts')
    assert 'with 1 training slide a class (p' in text
    assert 'with all training slides (these trained models only)' in text


def test_a_control_that_is_better_is_said_to_be_so(out):
    results = read_results(out)
    swapped = {'linear': 'cite', 'cite': 'linear'}
    results = spoil(results, 'linear', 0.6)
    runs = [replace(r, method=swapped.get(r.method, r.method)) for r in results.runs]
    text = answer(replace(results, runs=runs))
    assert text.startswith('Yes, but for the worse.')


def test_a_control_that_does_the_same_shows_nothing(out):
    text = answer(spoil(read_results(out), 'linear', 0.0))
    assert text.startswith('Not shown: no difference is significant')
    assert '0.0 [0.0, 0.0] with 1 training slide a class (p 1.000' in text


def test_the_difference_is_that_of_the_tables_with_its_sign_turned(out):
    results = spoil(read_results(out), 'linear', 0.3)
    summary = summarise(results)
    test = summary.controls['cite']['slide', 'linear', 1, 'accuracy']
    again = summary.tests['slide', 'linear', 1, 'accuracy']
    assert test.difference == again.difference
    assert test.p == again.p
    written = f'{-test.difference.estimate:+.1f}'.replace('-', '−')
    assert written in text_effect(results, summary)[0][1]


def test_few_draws_prove_nothing(out):
    results = spoil(read_results(out), 'linear', 0.9)
    runs = [run for run in results.runs if run.draw < 4]
    text = answer(replace(results, runs=runs))
    assert text.startswith('Not known: with these draws and patients')
    assert 'p ' not in text.split('accuracy')[1]


def test_a_control_without_runs_is_missed(out):
    assert 'the control has no finished run' in answer(read_results(out), place=1)


def test_no_controls_are_said_to_be_missing(out):
    results = read_results(out)
    off = replace(results, settings={**results.settings, 'controls': {}})
    assert 'no controls ran' in answer(off)
    assert any('No controls ran' in r.text and not r.kept for r in protocol(off))
    settings = {k: v for k, v in results.settings.items() if k != 'controls'}
    assert 'version without controls' in answer(replace(results, settings=settings))


def test_the_vectors_are_described(out):
    described = class_vectors(read_results(out))
    assert [label for label, _ in described] == ['CITE', 'Fine-tuning']
    note = vectors_note(*described[0], ['a', 'b', 'c'])
    assert 'cosines 0.74 (a – b), 0.74 (a – c), 0.99 (b – c)' in note
    assert 'contrast 0.59' in note
    assert 'cosines times 100.0' in note
    # 100 * 0.592171 / 1.414214
    assert 'cosines times 41.9' in vectors_note(*described[1], ['a', 'b', 'c'])


def test_two_texts_have_no_other_pattern(out):
    results = read_results(out)
    kinds = {'cite': {'permuted': 'linear'}}
    results = replace(results, settings={**results.settings, 'controls': kinds})
    assert 'changes no similarity' in answer(results, place=1)
    kinds = {'cite': {'permuted': 'finetune'}}
    results = replace(results, settings={**results.settings, 'controls': kinds})
    assert 'changes no similarity' not in answer(results, place=1)


def test_the_page_and_the_table_say_it_first(out):
    write_all(out)
    page = (out / 'report.html').read_text(encoding='utf-8')
    question = 'Did the meaning of the texts make a difference?'
    assert page.index(question) < page.index('class="findings"')
    assert 'contrast 0.59' in page
    notes = (out / 'table.md').read_text(encoding='utf-8').split('\n- ')
    assert notes[1].startswith(question)


def test_damaged_facts_count_as_not_recorded(out):
    from cite.compare.folder.training import parse_training

    for facts in (
        None,
        [],
        {'loss': 'low', 'texts': 1, 'vectors': {'cosines': [[1]]}, 'held_out': []},
        {'loss': float('inf'), 'texts': {**TEXTS, 'contrast': 'x'}},
        {'texts': {**TEXTS, 'cosines': [[1, 2], [3]]}},
        {'held_out': {'scores': [[1, 0, 0]], 'labels': [7], 'groups': ['p']}},
        {'held_out': {'scores': [[1, 0, 0]], 'labels': [0, 1], 'groups': ['p']}},
    ):
        assert {*parse_training({'training': facts}, 3)} == {None}
    whole = parse_training({'training': {'texts': TEXTS, 'loss': 1}}, 3)
    assert isinstance(whole.texts, Vectors)
    assert whole.loss == 1


def test_the_spread_of_single_descriptions(tmp_path):
    """MI-Zero's protocol: the least and the most accuracy over wordings."""
    names = ('cite', 'linear', 'finetune')
    folder = make_comparison(
        tmp_path / 'out', slides=60, methods=names, shots=(4,), draws=5, failures=0
    )
    settings = json.loads((folder / 'comparison.json').read_text())
    for name, description in zip(names, (0, 1, 2)):
        options = {'top': 5, 'description': description}
        same = {'type': 'zero_shot_pool', 'config': 'c.py', 'options': options}
        settings['methods'][name].update(same)
    change_settings(folder, methods=settings['methods'])
    results = read_results(folder)
    summary = summarise(results)
    question, answer = text_effect(results, summary)[-1]
    assert question == 'How much does the wording decide?'
    of_rows = [
        np.mean([100 * (r.scores.argmax(1) == results.labels).mean() for r in runs])
        for runs in (results.of(name, 4) for name in names[1:])
    ]
    low, high = (f'{x:.1f}' for x in (min(of_rows), max(of_rows)))
    assert f'Accuracy of 2 single descriptions: {low} to {high} % (4' in answer
    settings['methods']['linear']['options']['top'] = 10
    change_settings(folder, methods=settings['methods'])
    again = text_effect(read_results(folder), summary)
    assert again[-1][0] != question
