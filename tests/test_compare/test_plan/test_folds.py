"""Folds: whole patients, classes evenly, every slide tested once in a draw."""

import json
from collections import Counter

import pandas as pd
import pytest
from tiny_compare import CLASSES, method_configs, write_comparison

from cite.compare.folder.read_results import read_results
from cite.compare.plan.folds import deal
from cite.compare.plan.overlap import training_overlap
from cite.compare.plan.plan import make_plan
from cite.compare.run import run_comparison
from cite.datasets.tables.annotations import read_annotations
from cite.datasets.tables.slide_rule import PREFIX


def slides(path):
    return {PREFIX(name): label for name, label in read_annotations(str(path), 3)}


def test_patients_stay_whole_and_classes_even():
    """12 patients with three slides of one class each: 2 of each class a fold."""
    labels = {f's{i}': (i // 3) % 3 for i in range(36)}
    groups = {f's{i}': f'p{i // 3}' for i in range(36)}
    for seed in range(5):
        fold_of = deal(labels, groups, 2, f'folds {seed}')
        assert {*fold_of} == {*labels}
        for patient in {*groups.values()}:
            assert len({fold_of[s] for s in groups if groups[s] == patient}) == 1
        members = Counter((fold_of[s], labels[s]) for s in labels)
        assert {*members.values()} == {6}


def test_a_seed_gives_one_deal_and_another_seed_another():
    labels = {f's{i}': i % 3 for i in range(30)}
    groups = {slide: slide for slide in labels}
    first = deal(labels, groups, 5, 'folds 1')
    assert deal(labels, groups, 5, 'folds 1') == first
    assert deal(labels, groups, 5, 'folds 2') != first


def test_more_folds_than_patients_are_refused():
    with pytest.raises(ValueError, match='folds=3, but the slides are of 2 patients'):
        deal({'a': 0, 'b': 1}, {'a': 'p', 'b': 'q'}, 3, 'x')


@pytest.fixture
def write(compare_data, tmp_path):
    """Return a function that writes a comparison of 12 patients in two folds."""
    table = pd.read_csv(compare_data / 'captions.csv', dtype=str)
    table['patient'] = [f'p{i}' for i in range(len(table))]
    table.to_csv(tmp_path / 'captions.csv', index=False)
    ann = tmp_path / 'ann'
    ann.mkdir()
    for file in (compare_data / 'gastric_cls3_ann').iterdir():
        (ann / file.name).write_bytes(file.read_bytes())
    fixed = {
        'ann_root': f'{ann}/',
        'captions': str(tmp_path / 'captions.csv'),
        'folds': 2,
        'shots': [1, 'all'],
    }

    def make(**changes):
        return write_comparison(compare_data, tmp_path, **fixed, **changes)

    return make


def test_every_slide_is_tested_once_in_a_draw(write):
    plan = make_plan(write())
    every = slides(plan.inputs['zero'].files['val'])
    assert len(every) == 12
    for draw in (1, 2):
        tested = Counter()
        for fold in (1, 2):
            name = f'cite-1shot-draw{draw}-seed0-fold{fold}'
            files = plan.inputs[name].files
            test, train = slides(files['val']), slides(files['train'])
            tested.update([*test])
            assert not {*test} & {*train}
            assert Counter(train.values()) == {0: 1, 1: 1, 2: 1}
            whole = name.replace('1shot', 'allshot')
            rest = slides(plan.inputs[whole].files['train'])
            assert {*rest} == {*every} - {*test}
            assert train.items() <= rest.items()
        assert tested == dict.fromkeys(every, 1)


def test_slides_of_another_rule_stay_whole(compare_data, tmp_path):
    """A table makes six slides of twelve, of two blocks each."""
    ann = tmp_path / 'ann'
    ann.mkdir()
    labels = {}
    for name in ('train_all_0.5.txt', 'val_0.5.txt'):
        path = compare_data / 'gastric_cls3_ann' / name
        (ann / name).write_bytes(path.read_bytes())
        labels.update(dict(read_annotations(str(path), 3)))
    blocks = sorted({(label, PREFIX(name)) for name, label in labels.items()})
    case_of = {block: f'case{i // 2}' for i, (_, block) in enumerate(blocks)}
    rows = ['patch,case', *(f'{name},{case_of[PREFIX(name)]}' for name in labels)]
    (tmp_path / 'cases.csv').write_text('\n'.join(rows) + '\n')
    config = write_comparison(
        compare_data,
        tmp_path,
        ann_root=f'{ann}/',
        captions=None,
        slide=f'column:case of {tmp_path}/cases.csv',
        folds=2,
        shots=[1],
        draws=1,
    )
    tested = Counter()
    for one in make_plan(config).inputs.values():
        if one.job.method == 'cite':
            test = {case_of[block] for block in slides(one.files['val'])}
            train = {case_of[block] for block in slides(one.files['train'])}
            assert not test & train
            assert len(train) == 3
            tested.update(test)
    assert tested == dict.fromkeys(case_of.values(), 1)


def test_all_slides_have_as_many_draws_as_few(write):
    plan = make_plan(write())
    draws = {(job.shots, job.draw) for job in plan.jobs if job.method == 'cite'}
    assert draws == {(1, 1), (1, 2), ('all', 1), ('all', 2)}
    # Two folds of 6 of 12 slides: the trained halves share what a test slide leaves.
    shares = training_overlap(plan.inputs.values(), 3)
    assert {*shares} == {'1', 'all'}
    assert 0 <= shares['1'] < shares['all'] <= 1


def test_a_run_puts_its_folds_together(write, compare_data, engine, tmp_path):
    linear = method_configs(compare_data, tmp_path / 'configs')['linear']
    methods = {
        'linear': {'config': linear, 'features': 1},
        'mean': {'type': 'nearest_mean', 'config': linear},
    }
    config = write(methods=methods, reference='linear', held_out=False)
    out = tmp_path / 'out'
    assert run_comparison(config, out, progress=False) == {}
    rows = [json.loads(line) for line in (out / 'results.jsonl').open()]
    assert len(rows) == 2 * 2 * 2 * 2
    results = read_results(out)
    assert len(results.runs) == 2 * 2 * 2
    assert len(results.slides) == 12
    assert results.classes == CLASSES
    run = results.of('linear', 1)[0]
    parts = [pd.read_csv(out / f'predictions/{job}.csv') for job in run.jobs]
    table = pd.concat(parts).sort_values('slide')
    assert [*table['slide'].astype(str)] == [*results.slides]
    assert table[CLASSES].to_numpy() == pytest.approx(run.scores)
    assert len(results.patches(run).files) == 36
    # A run that lacks a fold is not in the tables.
    line = json.dumps(next(r for r in rows if r['job'] == run.jobs[1])) + '\n'
    text = (out / 'results.jsonl').read_text().replace(line, '')
    (out / 'results.jsonl').write_text(text)
    assert len(read_results(out).runs) == 7


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'folds': 1}, 'folds=1; give 2 or more'),
        ({'folds': True}, 'folds=True; give 2 or more'),
        ({'folds': 3, 'draws': 0}, 'folds=3 needs draws=1 or more'),
        ({'folds': 13}, 'folds=13, but the slides are of 12'),
    ],
)
def test_folds_that_make_no_sense_are_refused(compare_data, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        make_plan(write_comparison(compare_data, tmp_path, **changes))
