"""A small run, interrupted and resumed; then changes that restart it."""

import json
import os
import sys
from pathlib import Path

import forked
import numpy as np
import pytest
import torch

from cite.apis import repeat as api
from cite.apis.repeat import RECORD, mean_and_sd, repeat, repeat_configs, table
from cite.core.files.weights import load_weights

ROOT = Path(__file__).resolve().parents[2]
SEED, METRICS = 3, ['accuracy', 'bag_class_accuracy']
CONFIG = """
import os
split = os.environ.get('SPLIT', 'none')
_base_ = ['{root}/configs/gastric/_base_/custom_imports.py',
          '{root}/configs/gastric/_base_/iter_based_runtime.py',
          '{root}/configs/gastric/_base_/sgd_i1000_lr0.001-cos.py']
runner = dict(max_iters=3)
optimizer = dict(lr=0.5)
checkpoint_config = dict(interval=3)
lr_config = dict(_delete_=True, policy='fixed')
data_set = dict(
    type='PatchGastricCls3', data_prefix='{data}',
    ann_file=f'{data}/split{{split}}.txt', num_aug=1,
    feature_file=f'{data}/split{{split}}')
train = [dict(type='PatchGastricPipeline'), dict(type='ToTensor', keys=['gt_label']),
         dict(type='Collect', keys=['img', 'gt_label'])]
test = [dict(type='PatchGastricPipeline'), dict(type='Collect', keys=['img'])]
data = dict(samples_per_gpu=6, workers_per_gpu=0, persistent_workers=False,
            train=dict(pipeline=train, **data_set),
            val=dict(pipeline=test, **data_set), test=dict(pipeline=test, **data_set))
model = dict(type='CITEClassifier', backbone=dict(type='FeatureBackbone'),
             head=dict(type='MyLinearClsHead', num_classes=3, in_channels=4))
work_dir = '{data}/run'
"""


class Started(Exception):
    """A run was about to start."""


def interrupt_at(command, monkeypatch):
    """Let commands run until it comes to ``train`` or ``test``."""
    real = api.run_command

    def run_command(words, environment):
        if words[1] == command:
            raise Started(' '.join(words))
        real(words, environment)

    monkeypatch.setattr(api, 'run_command', run_command)


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
    """A run of one seed, interrupted between training and test, then finished."""
    data = tmp_path_factory.mktemp('repeat')
    (data / 'small.py').write_text(CONFIG.format(root=ROOT, data=data))
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 6)
    lines = [f'c{k}s{i % 2}_{i}.jpg {k}' for i, k in enumerate(labels)]
    for split, scale in ((SEED, 1.0), (SEED + 1, 0.5)):
        features = np.eye(4)[labels] + scale * rng.normal(size=(18, 4))
        np.save(data / f'split{split}_1.npy', features.astype(np.float32))
        (data / f'split{split}.txt').write_text('\n'.join(lines) + '\n')
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, 'executable', str(forked.python()))
        with pytest.MonkeyPatch.context() as cut:
            interrupt_at('test', cut)
            with pytest.raises(Started):
                run(data)
        trained = latest(data).stat().st_mtime_ns
        with pytest.MonkeyPatch.context() as no_training:
            interrupt_at('train', no_training)
            results = run(data)
    assert latest(data).stat().st_mtime_ns == trained
    return data, results


@pytest.fixture
def copied(finished, monkeypatch):
    """Files of the run, which are restored after the test."""
    data, _ = finished
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, 'executable', str(forked.python()))
    files = [p for p in data.rglob('*') if p.is_file() and not p.is_symlink()]
    kept = {path: (path.read_bytes(), path.stat()) for path in files}
    yield data
    for path, (content, stat) in kept.items():
        path.write_bytes(content)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def latest(data):
    return data / 'out' / f'seed{SEED}' / 'latest.pth'


def run(data, seeds=(SEED,), metrics=METRICS):
    return repeat(str(data / 'small.py'), seeds, metrics, data / 'out')


def test_results_are_those_of_the_trained_weights(finished):
    data, results = finished
    state = load_weights(latest(data))['state_dict']
    features = torch.from_numpy(np.load(data / f'split{SEED}_1.npy'))
    scores = features @ state['head.fc.weight'].T + state['head.fc.bias']
    labels = np.repeat([0, 1, 2], 6)
    right = scores.argmax(1).numpy() == labels
    assert results['accuracy'] == [pytest.approx(100 * right.mean())]
    bags = scores.softmax(1).reshape(3, 3, 2, 3).mean(1)  # (class, slide, scores)
    per_class = (bags.argmax(-1) == torch.arange(3)[:, None]).double().mean(1) * 100
    assert [results[f'bag_accuracy_{k}'] for k in range(3)] == [[x] for x in per_class]


def test_nothing_is_done_twice(finished, monkeypatch):
    data, results = finished
    monkeypatch.chdir(ROOT)
    for command in ('train', 'test'):
        interrupt_at(command, monkeypatch)
    assert run(data) == results


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def other_features(data):
    path = data / f'split{SEED}_1.npy'
    features = np.load(path)
    features[0, 0] += 1e-3
    stat = path.stat()
    np.save(path, features)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


CHANGES = {
    'config': lambda data: change(data / 'small.py', 'lr=0.5', 'lr=0.4'),
    'annotation': lambda data: change(
        data / f'split{SEED}.txt', 'c0s0_0.jpg 0', 'c0s0_0.jpg 1'
    ),
    'features': other_features,
    'checkpoint': lambda data: latest(data).write_bytes(b'of another run'),
    'record': lambda data: latest(data).with_name(RECORD).unlink(),
}


@pytest.mark.parametrize('what', CHANGES)
def test_a_change_starts_the_run_again(copied, what, monkeypatch, capsys):
    CHANGES[what](copied)
    interrupt_at('train', monkeypatch)
    with pytest.raises(Started, match=r'train .*small.py .*--seed 3'):
        run(copied)
    announced = 'running it again' in capsys.readouterr().out
    assert announced == (what != 'record')
    # The outdated record is gone, even if the run fails afterwards.
    assert not latest(copied).with_name(RECORD).exists()


def test_another_metric_needs_another_test_only(copied, monkeypatch):
    for command in ('train', 'test'):
        interrupt_at(command, monkeypatch)
    with pytest.raises(Started, match=r'test .*--metrics mean_bag_accuracy'):
        run(copied, metrics=['mean_bag_accuracy'])


def test_results_outlive_a_deleted_checkpoint(finished, monkeypatch):
    data, results = finished
    monkeypatch.chdir(ROOT)
    link = latest(data)
    link.rename(link.with_name('away'))
    interrupt_at('train', monkeypatch)
    assert run(data) == results
    link.with_name('away').rename(link)


def test_another_seed_is_another_run_on_another_split(finished, monkeypatch):
    data, _ = finished
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, 'executable', str(forked.python()))
    seen = []
    monkeypatch.setattr(api, 'run_command', lambda *args: seen.append(args) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(data, seeds=(SEED, SEED + 1))
    ((arguments, environment),) = seen
    assert arguments[arguments.index('--seed') + 1] == environment['SPLIT'] == '4'


def test_a_failed_run_is_an_error_and_leaves_no_record(copied, monkeypatch):
    (copied / f'split{SEED}.txt').write_text('')
    with pytest.raises(
        ValueError, match=r'cite train .*` ended with code 2; see its last'
    ):
        run(copied)
    assert not latest(copied).with_name(RECORD).exists()


def test_what_cannot_be_repeated(tmp_path):
    (tmp_path / 'a.py').write_text('')
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'a.py').write_text('')
    twice = [str(tmp_path / 'a.py'), str(tmp_path / 'other' / 'a.py')]
    with pytest.raises(ValueError, match=r'config a is listed twice'):
        repeat_configs(twice, [0], METRICS, tmp_path)
    with pytest.raises(ValueError, match=r'seed 1 is listed twice'):
        repeat_configs(twice[:1], [1, 0, 1], METRICS, tmp_path)
    with pytest.raises(FileNotFoundError, match=r'b.py: no such config file'):
        repeat_configs([str(tmp_path / 'b.py')], [0], METRICS, tmp_path)


def test_table():
    rows = {
        'ours': {'accuracy': [50.0, 60.0, 70.0], 'mean_accuracy': [1.0, 2.0, 6.0]},
        'theirs': {'accuracy': [50.0]},
    }
    lines = table(rows).split('\n')
    assert lines == [
        '| config | seeds | accuracy | mean_accuracy |',
        '|---|---|---|---|',
        '| ours | 3 | 60.0 ± 10.0 | 3.0 ± 2.6 |',
        '| theirs | 1 | 50.0 |  |',
    ]
    values = np.random.default_rng(0).normal(50, 9, size=7)
    expected = f'{values.mean():.1f} ± {values.std(ddof=1):.1f}'
    assert mean_and_sd(list(values)) == expected


def test_the_record_is_plain(finished):
    data, results = finished
    record = json.loads(latest(data).with_name(RECORD).read_text())
    assert record['metrics'] == METRICS
    assert {name: [value] for name, value in record['results'].items()} == results
