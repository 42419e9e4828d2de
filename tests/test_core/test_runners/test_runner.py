import time

import numpy as np
import pytest
import torch
from mmcls.apis import set_random_seed, train_model
from mmcls.datasets import build_dataset
from mmcls.models import build_classifier
from mmcv import Config

import cite  # noqa: F401

CLASSES = 3
PATCHES = 30


@pytest.fixture
def features(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(PATCHES) % CLASSES
    for draw in (1, 2):
        values = rng.normal(size=(PATCHES, 8)) + labels[:, None]
        np.save(tmp_path / f'train_{draw}.npy', values.astype('float32'))
    lines = [f'slide{i % 6}_{i}.jpg {label}\n' for i, label in enumerate(labels)]
    (tmp_path / 'train.txt').write_text(''.join(lines))
    return tmp_path


def config(folder, work_dir, runner='IterBasedRunner', **kwargs):
    pipeline = [
        dict(type='PatchGastricPipeline'),
        dict(type='ToTensor', keys=['gt_label']),
        dict(type='Collect', keys=['img', 'gt_label'], meta_keys=[]),
    ]
    limit = dict(max_epochs=2) if runner == 'EpochBasedRunner' else dict(max_iters=12)
    return Config(
        dict(
            model=dict(
                type='ImageClassifier',
                backbone=dict(type='FeatureBackbone'),
                head=dict(type='MyLinearClsHead', num_classes=3, in_channels=8),
            ),
            data=dict(
                samples_per_gpu=6,
                workers_per_gpu=0,
                train=dict(
                    type='PatchGastricCls3',
                    data_prefix=str(folder),
                    ann_file=str(folder / 'train.txt'),
                    feature_file=str(folder / 'train'),
                    num_aug=2,
                    patch_balance=True,
                    pipeline=pipeline,
                ),
            ),
            optimizer=dict(type='SGD', lr=0.1, momentum=0.9),
            optimizer_config=dict(grad_clip=None),
            lr_config=dict(policy='CosineAnnealing', min_lr=0.0),
            checkpoint_config=dict(interval=4 if runner == 'IterBasedRunner' else 1),
            log_config=dict(interval=100, hooks=[dict(type='TextLoggerHook')]),
            runner=dict(type=runner, **limit),
            workflow=[('train', 1)],
            work_dir=str(work_dir),
            load_from=None,
            resume_from=None,
            gpu_ids=[0],
            device='cpu',
            **kwargs,
        )
    )


def train(cfg, seed=0):
    set_random_seed(seed)
    cfg.seed = seed
    model = build_classifier(cfg.model)
    model.init_weights()
    data = build_dataset(cfg.data.train)
    train_model(model, data, cfg, device='cpu', meta=dict(seed=seed))
    return {k: v.clone() for k, v in model.state_dict().items()}


def equal(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize('seed_of_second_start', [0, 7])
def test_resumed_run_ends_in_the_weights_of_an_unbroken_one(
    features, tmp_path, seed_of_second_start
):
    whole = train(config(features, tmp_path / 'whole'))
    resumed = config(features, tmp_path / 'resumed')
    resumed.resume_from = str(tmp_path / 'whole' / 'iter_8.pth')
    assert equal(train(resumed, seed_of_second_start), whole)
    other = train(config(features, tmp_path / 'other'), seed=7)
    assert not equal(other, whole)


def test_a_run_of_few_patches_never_sleeps(features, tmp_path, monkeypatch):
    # 12 iterations of 6 images are more than two passes over 30 patches.
    naps = []
    monkeypatch.setattr(time, 'sleep', naps.append)
    train(config(features, tmp_path))
    assert naps == []


def test_epoch_based_runs_end_and_never_sleep(features, tmp_path, monkeypatch):
    naps = []
    monkeypatch.setattr(time, 'sleep', naps.append)
    train(config(features, tmp_path, 'EpochBasedRunner'))
    assert (tmp_path / 'epoch_2.pth').exists()
    assert naps == []


@pytest.mark.parametrize(('n', 'said'), [(3, 1), (5, 0)])
def test_a_sum_of_gradients_that_an_epochs_end_cuts_is_said(
    features, tmp_path, caplog, n, said
):
    cfg = config(features, tmp_path, 'EpochBasedRunner')
    sums = {'type': 'GradientCumulativeOptimizerHook', 'cumulative_iters': n}
    cfg.optimizer_config = sums
    train(cfg)
    text = 'checkpoint_config.interval=1 (5 iterations) is not a multiple of'
    assert caplog.text.count(text) == said


@pytest.mark.parametrize(
    ('more', 'said'),
    [
        ({}, ' does not say at which'),
        ({'meta': {'epoch': 3}}, ' does not say at which'),
        ({'meta': 3}, ": these are not the weights of a model: 'meta' is a int"),
    ],
)
def test_resuming_from_weights_alone_is_an_error(features, tmp_path, more, said):
    cfg = config(features, tmp_path / 'run')
    weights = build_classifier(cfg.model).state_dict()
    torch.save({'state_dict': weights, **more}, tmp_path / 'weights.pth')
    cfg.resume_from = str(tmp_path / 'weights.pth')
    with pytest.raises(ValueError, match=rf'weights\.pth{said}'):
        train(cfg)


def test_resuming_from_another_model_is_an_error(features, tmp_path):
    cfg = config(features, tmp_path / 'run')
    cfg.model.head.num_classes = 4
    weights = build_classifier(cfg.model).state_dict()
    torch.save({'state_dict': weights, 'meta': {'iter': 3}}, tmp_path / 'other.pth')
    cfg.model.head.num_classes = 3
    cfg.resume_from = str(tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'other\.pth is the checkpoint of another'):
        train(cfg)


def test_a_head_of_other_classes_is_refused_without_a_hook_in_the_config(
    features, tmp_path
):
    cfg = config(features, tmp_path / 'run')
    cfg.model.head.num_classes = 4
    with pytest.raises(ValueError, match=r'the head has 4 classes .* the data set 3'):
        train(cfg)
    assert not list((tmp_path / 'run').glob('*.pth'))
