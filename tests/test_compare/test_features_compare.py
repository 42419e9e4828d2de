"""Comparisons on features that another program made: every method, no image."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from feature_compare import make_features, text_config, write_comparison
from sklearn import metrics as sk

from cite.compare.methods import METHODS
from cite.compare.plan.plan import make_plan
from cite.compare.run import run_comparison

NAMES = ['well', 'moderately', 'poorly']


@pytest.fixture(scope='module')
def data(compare_data, tmp_path_factory):
    """Return the folder of features and the config with texts."""
    folder = tmp_path_factory.mktemp('features')
    make_features(folder / 'data')
    return folder / 'data', text_config(compare_data, folder / 'configs')


def all_methods(texts, theirs):
    """Return a method of each type, made short."""
    short = {
        'abmil': {'steps': 20},
        'dtfd': {'epochs': 3, 'hidden': 8},
        'clap': {'config': texts, 'steps': 10},
        'text_probe': {'config': texts, 'steps': 10},
        'lp_pp': {'config': texts, 'steps': 10},
        'ss_text': {'config': texts},
        'text_mil': {'config': texts, 'steps': 10},
        'transclip': {'config': texts},
        'zero_shot_pool': {'config': texts, 'trained': False, 'top': 2},
        'external': {'predictions': theirs},
    }
    kinds = [name for name in METHODS if name not in ('trained', 'similarity')]
    return {name: {'type': name, **short.get(name, {})} for name in kinds}


def linear_config(texts, folder):
    """Write a config that trains a linear classifier on features with mmcls."""
    path = Path(texts).with_name('on_features.py')
    head = "dict(type='MyLinearClsHead', num_classes=3, in_channels=16)"
    path.write_text(
        f'{Path(texts).read_text()}\n'
        "model['backbone'] = dict(type='FeatureBackbone')\n"
        f"model['head'] = {head}\n"
    )
    return str(path)


def bag_config(texts):
    """Write a config that trains CITE on bags of features with mmcls."""
    path = Path(texts).with_name('bags.py')
    path.write_text(
        f'{Path(texts).read_text()}\n'
        "model['backbone'] = dict(type='FeatureBackbone')\n"
        "model['head'] = dict(type='TextMILHead', in_features=16, temperature=3.0,\n"
        "    texts=['a', 'b', 'c'], text_encoder=dict(type='RandomVectors', width=8))\n"
        "for part, keys in (('train', ['img', 'gt_label']), ('test', ['img'])):\n"
        "    data[part].update(type='SlideBags', pipeline=[\n"
        "        dict(type='ToTensor', keys=keys), dict(type='Collect', keys=keys)])\n"
        "    data[part].pop('cache', None)\n"
        'del part, keys\n'
    )
    return str(path)


def write_theirs(folder, data, draws=(1, 2)):
    """Write another program's predictions: what it knows is the label, at 60 %."""
    lines = (data / 'ann/val_0.5.txt').read_text().splitlines()
    labels = {line.split('_')[0]: int(line[-1]) for line in lines}
    for draw in draws:
        rows = 0.2 + 0.4 * np.eye(3)[[*labels.values()]]
        table = pd.DataFrame(rows, columns=NAMES)
        table.insert(0, 'slide', [*labels])
        table.sample(frac=1, random_state=draw).to_csv(
            folder / f'2_{draw}_0.csv', index=False
        )
    return str(folder / '{shots}_{draw}_{seed}.csv')


@pytest.fixture(scope='module')
def config(data, tmp_path_factory):
    folder, texts = data
    here = tmp_path_factory.mktemp('every')
    methods = all_methods(texts, write_theirs(here, folder))
    methods['linear'] = {'config': linear_config(texts, here)}
    methods['bags'] = {'config': bag_config(texts)}
    return write_comparison(here / 'compare.py', folder, methods)


@pytest.fixture(scope='module')
def local(config, tmp_path_factory):
    out = tmp_path_factory.mktemp('local')
    return run_comparison(config, out, 'local', jobs=1, progress=False), out


def contents(out):
    kept = {
        str(path.relative_to(out)): path.read_bytes()
        for folder in ('predictions', 'patches')
        for path in (out / folder).iterdir()
    }
    lines = map(json.loads, (out / 'results.jsonl').read_text().splitlines())
    return kept, [(row['job'], row.get('figures'), row.get('error')) for row in lines]


def test_every_method_runs_on_features_without_images(local):
    failed, out = local
    assert failed == {}
    jobs = {row[0] for row in contents(out)[1]}
    trained = [
        m for m in (*METHODS, 'linear', 'bags') if m not in ('trained', 'similarity')
    ]
    trained.remove('zero_shot_pool')
    expected = {f'{m}-2shot-draw{d}-seed0' for m in trained for d in (1, 2)}
    assert jobs == {*expected, 'zero_shot_pool'}
    assert (out / 'report.html').is_file()


def test_ray_gives_the_same(config, local, cluster, tmp_path, monkeypatch):
    monkeypatch.setenv('RAY_ADDRESS', cluster)
    assert run_comparison(config, tmp_path, 'ray', jobs=2, progress=False) == {}
    assert contents(tmp_path) == contents(local[1])


def test_a_second_start_runs_nothing_and_a_deleted_job_alone_again(
    config, local, engine
):
    _, out = local
    before = contents(out)
    run_comparison(config, out, progress=False)
    assert engine.ran == []
    for job in ('dtfd-2shot-draw1-seed0', 'text_mil-2shot-draw2-seed0'):
        (out / 'predictions' / f'{job}.csv').unlink()
    run_comparison(config, out, progress=False)
    assert sorted(engine.ran) == sorted(
        ['dtfd-2shot-draw1-seed0', 'text_mil-2shot-draw2-seed0']
    )
    assert contents(out) == before


def test_ten_numbers_of_the_tables_from_the_predictions_alone(local):
    """pandas reads the CSVs and scikit-learn computes; nothing of cite does."""
    _, out = local
    table = pd.read_csv(out / 'table.csv', dtype={'shots': str})
    checked = 0
    for method in ('slide_linear', 'dtfd', 'clap', 'text_mil', 'transclip'):
        runs = [
            pd.read_csv(out / f'predictions/{method}-2shot-draw{d}-seed0.csv')
            for d in (1, 2)
        ]
        expected = {
            'accuracy': [
                100 * sk.accuracy_score(t.label, t[NAMES].idxmax(axis=1)) for t in runs
            ],
            'auroc': [
                100 * np.mean([sk.roc_auc_score(t.label == n, t[n]) for n in NAMES])
                for t in runs
            ],
        }
        rows = table[(table.method == method) & (table.shots == '2')]
        for figure, values in expected.items():
            written = rows[rows.figure == figure].iloc[0].value
            assert written == pytest.approx(np.mean(values), rel=1e-4), (method, figure)
            checked += 1
    assert checked == 10


def test_others_predictions_are_scored_as_they_are(local):
    _, out = local
    table = pd.read_csv(out / 'predictions/external-2shot-draw2-seed0.csv')
    right = [row[row.label] for _, row in table.iterrows()]
    np.testing.assert_allclose(right, 0.6)


def test_a_transductive_row_says_so(local):
    _, out = local
    for file in ('table.md', 'report.html'):
        assert 'transclip (sees all test slides)' in (out / file).read_text()


def test_features_are_part_of_a_jobs_identity(data, tmp_path):
    folder, _ = data
    copy = tmp_path / 'uni'
    for end in ('_1.npy', '.txt', '.json'):
        copy.with_name(f'uni{end}').write_bytes(Path(f'{folder}/uni{end}').read_bytes())
    methods = {'mean': {'type': 'nearest_mean'}}
    config = write_comparison(
        tmp_path / 'c.py', folder, methods, features=[str(tmp_path / 'uni')]
    )
    before = make_plan(config).digests
    assert make_plan(config).digests == before
    values = np.load(f'{copy}_1.npy')
    values[0, 0] += 1
    np.save(f'{copy}_1.npy', values)
    after = make_plan(config).digests
    assert all(after[name] != before[name] for name in before)


def test_a_method_may_have_features_of_its_own(data, tmp_path):
    folder, _ = data
    methods = {
        'mean': {'type': 'nearest_mean'},
        'wider': {'type': 'nearest_mean', 'features': str(tmp_path / 'wide')},
    }
    values = np.load(folder / 'uni_1.npy')
    np.save(tmp_path / 'wide_1.npy', np.hstack([values, values]))
    (tmp_path / 'wide.txt').write_bytes((folder / 'uni.txt').read_bytes())
    plan = make_plan(write_comparison(tmp_path / 'c.py', folder, methods))
    found = {name: job.features for name, job in plan.inputs.items()}
    assert found['mean-2shot-draw1-seed0'] == (str(folder / 'uni'),)
    assert found['wider-2shot-draw1-seed0'] == (str(tmp_path / 'wide'),)


@pytest.mark.parametrize(
    ('method', 'message'),
    [
        ({'config': 'TEXTS'}, r'm needs images, because its backbone is CLIPImageBack'),
        ({'config': 'TEXTS', 'features': 4}, 'augmented draws of images'),
        ({'type': 'clap'}, 'm names no config'),
        ({'type': 'dtfd', 'epoch': 3}, r"epoch is not a key.*Did you mean 'epochs'"),
        ({'type': 'dtfd', 'epochs': 1.5}, 'epochs is 1.5; give a whole number'),
        ({'type': 'dtfd', 'lr': -1}, 'lr is -1; give a number, 0 or more'),
        ({'type': 'dtfd', 'lr': True}, 'lr is True; give a number'),
        ({'type': 'ss_text', 'config': 'TEXTS', 'paper_constants': 1}, 'True or False'),
        ({'type': 'external'}, 'm has no predictions'),
        ({'type': 'external', 'predictions': 'x/{k}.csv'}, r'use \{shots\}'),
        (
            {'type': 'nearest_mean', 'steps': 3},
            'steps is not a key of a method of type',
        ),
    ],
)
def test_what_a_method_cannot_take_is_refused_in_the_plan(
    data, tmp_path, method, message
):
    folder, texts = data
    method = {k: texts if v == 'TEXTS' else v for k, v in method.items()}
    config = write_comparison(tmp_path / 'c.py', folder, {'m': method})
    with pytest.raises(ValueError, match=message):
        make_plan(config)


def test_missing_files_are_named(data, tmp_path):
    folder, _ = data
    methods = {'m': {'type': 'external', 'predictions': f'{tmp_path}/{{draw}}.csv'}}
    with pytest.raises(FileNotFoundError, match=r'1\.csv: no such file, which has'):
        make_plan(write_comparison(tmp_path / 'c.py', folder, methods))
    methods = {'m': {'type': 'nearest_mean', 'features': f'{tmp_path}/none'}}
    with pytest.raises(FileNotFoundError, match=r'none_1\.npy.*import-features'):
        make_plan(write_comparison(tmp_path / 'c.py', folder, methods))


@pytest.mark.parametrize(
    ('drop', 'message'),
    [
        ('sl05_', r'no features of the slides sl05 in .*import-features` again'),
        ('sl05_0_0', r'sl05 has features, but not of the patch sl05_0_0.*cite ann --f'),
    ],
)
def test_a_slide_without_features_is_named_with_the_remedy(
    data, tmp_path, drop, message
):
    folder, _ = data
    lines = (folder / 'uni.txt').read_text().splitlines()
    kept = [i for i, line in enumerate(lines) if not line.startswith(drop)]
    (tmp_path / 'uni.txt').write_text('\n'.join(lines[i] for i in kept) + '\n')
    np.save(tmp_path / 'uni_1.npy', np.load(folder / 'uni_1.npy')[kept])
    methods = {'m': {'type': 'nearest_mean'}}
    config = write_comparison(
        tmp_path / 'c.py', folder, methods, features=f'{tmp_path}/uni', shots=['all']
    )
    with pytest.raises(ValueError, match=message):
        make_plan(config)


def test_features_of_two_encoders_or_of_other_lines_are_refused(data, tmp_path):
    folder, _ = data
    values = np.load(folder / 'uni_1.npy')
    (tmp_path / 'b.txt').write_text('other_0_0 0\n')
    np.save(tmp_path / 'b_1.npy', values[:1, :3])
    methods = {'m': {'type': 'nearest_mean'}}
    both = [f'{folder}/uni', f'{tmp_path}/b']
    config = write_comparison(tmp_path / 'c.py', folder, methods, features=both)
    with pytest.raises(ValueError, match='another encoder or width'):
        make_plan(config)
    np.save(tmp_path / 'b_1.npy', values[:2])
    with pytest.raises(ValueError, match='do not belong together'):
        make_plan(config)
