"""Every method on features with controls, chosen rates, held-out slides and folds."""

import json
import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from feature_compare import make_features, text_config, write_comparison

from cite.compare.folder.read_results import read_results
from cite.compare.methods import SETTINGS
from cite.compare.methods.controls import OF_TEXTS
from cite.compare.methods.rates import has_rate
from cite.compare.plan.read_config import read_comparison
from cite.compare.report.protocol import protocol
from cite.compare.run import run_comparison

NAMES = ['well', 'moderately', 'poorly']
KINDS = ('rotated', 'permuted', 'random', 'matched')
STEPWISE = ('abmil', 'slide_linear', 'dtfd', 'clap', 'text_probe', 'lp_pp', 'text_mil')
CLOSED = ('nearest_mean', 'ss_text', 'transclip')
TEXTS = ('clap', 'text_probe', 'lp_pp', 'ss_text', 'text_mil', 'transclip')


@pytest.fixture(scope='module')
def data(compare_data, tmp_path_factory):
    """Return the folder of features and the config with texts."""
    folder = tmp_path_factory.mktemp('features')
    make_features(folder / 'data')
    return folder / 'data', text_config(compare_data, folder / 'configs')


def methods_of(names, texts):
    short = dict.fromkeys(('steps', 'epochs', 'hidden'), 5)
    return {
        name: {
            'type': name,
            **({'config': texts} if name in TEXTS else {}),
            **{key: short[key] for key in SETTINGS[name] if key in short},
        }
        for name in names
    }


def test_a_method_has_a_rate_where_a_config_can_give_it_one():
    for name, settings in SETTINGS.items():
        own = 'lr' in settings or name in ('trained', 'similarity')
        assert has_rate(name) is own, name


def test_every_method_takes_part(data, tmp_path, engine):
    folder, texts = data
    config = write_comparison(
        tmp_path / 'c.py',
        folder,
        methods_of((*CLOSED, *STEPWISE), texts),
        draws=1,
        reference='slide_linear',
        controls=[*TEXTS],
        rates=[1, 3],
        held_out=True,
    )
    assert {*TEXTS} == {*OF_TEXTS} - {'trained'}
    out = tmp_path / 'out'
    assert run_comparison(config, out, progress=False) == {}
    rows = [json.loads(line) for line in (out / 'results.jsonl').open()]
    facts = {row['method']: row.get('training', {}) for row in rows}
    controls = {f'{name}-{kind}': name for name in TEXTS for kind in KINDS}
    assert {*facts} == {*CLOSED, *STEPWISE, *controls}
    for name, of_method in facts.items():
        kind = controls.get(name, name)
        assert ('chosen' in of_method) is ('lr' in SETTINGS[kind]), name
        assert ('loss' in of_method) is (kind in STEPWISE), name
        assert ('vectors' in of_method) is (name in controls), name
        assert ('held_out' in of_method) is (name not in controls), name
        if name not in controls:
            assert Counter(of_method['held_out']['labels']) == {0: 2, 1: 2, 2: 2}
    # At the optimum of six slides, the loss is well below that of a guess.
    assert 0 < facts['slide_linear']['loss'] < 0.5 * math.log(3)
    text = (out / 'table.md').read_text(encoding='utf-8')
    assert '## Temperature and sets of classes' in text
    assert (out / 'report.html').is_file()
    seen = [rule.text for rule in protocol(read_results(out)) if not rule.kept]
    assert any('sees all test slides' in text for text in seen)


def test_a_control_changes_what_a_method_predicts(data, tmp_path, engine):
    folder, texts = data
    methods = methods_of(('text_mil', 'ss_text'), texts)
    config = write_comparison(
        tmp_path / 'c.py', folder, methods, draws=1, controls=[*methods]
    )
    out = tmp_path / 'out'
    assert run_comparison(config, out, progress=False) == {}
    for name in methods:
        tables = [
            (out / f'predictions/{one}-2shot-draw1-seed0.csv').read_text()
            for one in (name, *(f'{name}-{kind}' for kind in KINDS))
        ]
        assert len({*tables}) == 5, name


def test_folds_of_features_from_elsewhere(data, tmp_path, engine):
    folder, texts = data
    theirs = tmp_path / 'theirs'
    theirs.mkdir()
    methods = {
        **methods_of(('slide_linear', 'text_mil', 'transclip'), texts),
        'pool': {'type': 'zero_shot_pool', 'config': texts, 'trained': False},
    }
    changes = {'shots': ['all'], 'draws': 1, 'folds': 3, 'held_out': ['slide_linear']}
    config = write_comparison(tmp_path / 'c.py', folder, methods, **changes)
    out = tmp_path / 'out'
    assert run_comparison(config, out, progress=False) == {}
    for fold in (1, 2, 3):
        job = f'slide_linear-allshot-draw1-seed0-fold{fold}'
        table = pd.read_csv(out / f'predictions/{job}.csv')
        table.to_csv(theirs / f'all_{fold}.csv', index=False)
    methods['theirs'] = {
        'type': 'external',
        'predictions': f'{theirs}/{{shots}}_{{fold}}.csv',
    }
    config = write_comparison(tmp_path / 'c.py', folder, methods, **changes)
    assert run_comparison(config, out, progress=False) == {}
    results = read_results(out)
    assert len(results.slides) == 18
    mine, other = (results.of(name, 'all')[0] for name in ('slide_linear', 'theirs'))
    np.testing.assert_allclose(mine.scores, other.scores, rtol=1e-6)
    assert [name for name in engine.ran if name.startswith('slide')] == [
        f'slide_linear-allshot-draw1-seed0-fold{fold}' for fold in (1, 2, 3)
    ]


def test_others_predictions_cannot_be_held_out(data, tmp_path):
    folder, _ = data
    methods = {
        'mean': {'type': 'nearest_mean'},
        'theirs': {'type': 'external', 'predictions': 'p.csv'},
    }
    config = write_comparison(tmp_path / 'c.py', folder, methods, held_out=True)
    assert read_comparison(config).held_out == ['mean']
    config = write_comparison(tmp_path / 'c.py', folder, methods, held_out=['theirs'])
    with pytest.raises(ValueError, match='theirs, whose predictions come from another'):
        read_comparison(config)


def test_a_similarity_needs_a_list(data, tmp_path):
    folder, texts = data
    methods = {'arc': {'type': 'similarity', 'config': texts, 'matrix': 'arc'}}
    config = write_comparison(tmp_path / 'c.py', folder, methods)
    with pytest.raises(ValueError, match=r"arc\.matrix is 'arc'; give a list"):
        read_comparison(config)
