"""Features extracted once replace the image backbone, and name their origin."""

import json
import sys

import forked
import numpy as np
import pytest
import torch
from commands import run
from mmcls.datasets import build_dataloader, build_dataset
from mmcls.models import build_classifier
from mmcv import Config
from mmcv.runner import load_checkpoint, save_checkpoint
from PIL import Image

from cite.apis.features import extract_rows
from cite.apis.features.extract import extract_features
from cite.datasets.feature_loader import FeatureLoader
from cite.datasets.samplers import Draw
from demo.models import tiny_clip

CONFIG = """
custom_imports = dict(imports=['cite'], allow_failed_imports=False)
pre = dict(type='PatchGastricPipeline', size=32, saturation=[0.8, 1.2], backend='fast')
train_pipeline = [pre, dict(type='ToTensor', keys=['gt_label']),
                  dict(type='Collect', keys=['img', 'gt_label'])]
test_pipeline = [dict(test_mode=True, **pre), dict(type='Collect', keys=['img'])]
common = dict(type='PatchGastricCls3', data_prefix='{root}/patches_captions/')
data = dict(
    samples_per_gpu=4, workers_per_gpu=0,
    train=dict(ann_file='{root}/train.txt', pipeline=train_pipeline, **common),
    val=dict(ann_file='{root}/val.txt', pipeline=test_pipeline, **common),
    test=dict(ann_file='{root}/val.txt', pipeline=test_pipeline, **common))
model = dict(
    type='CITEClassifier', precision='fp32',
    backbone=dict(type='CLIPImageBackbone', arch='{root}/clip.pt'),
    head=dict(type='MyLinearClsHead', num_classes=3, in_channels=32))
log_config = dict(interval=1, hooks=[dict(type='TextLoggerHook')])
checkpoint_config = dict(interval=3)
evaluation = dict(by_epoch=False, metric=['accuracy', 'bag_accuracy'], interval=3)
dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
runner = dict(type='IterBasedRunner', max_iters=3)
optimizer = dict(type='SGD', lr=0.5)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy='CosineAnnealing', min_lr=0., by_epoch=False)
work_dir = '{root}/run'
"""


@pytest.fixture
def config(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / 'patches_captions').mkdir()
    for split, slides in (('train', 2), ('val', 1)):
        lines = []
        for label in range(3):
            for patch in range(2 * slides):
                name = f'{split}{label}s{patch % slides}_{patch}.jpg'
                pixels = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / 'patches_captions' / name)
                lines.append(f'{name} {label}\n')
        (tmp_path / f'{split}.txt').write_text(''.join(lines))
    tiny_clip(tmp_path / 'clip.pt', embed_dim=32, width=64, layers=1, image_size=32)
    path = tmp_path / 'linear.py'
    path.write_text(CONFIG.format(root=tmp_path))
    return path


@pytest.fixture
def extracted(config, tmp_path):
    path = extract_features(config, tmp_path / 'out', num_aug=3)
    return Config.fromfile(str(path))


def expected_features(config, split, draws):
    """Compute features as a training run would, one image at a time."""
    cfg = Config.fromfile(str(config))
    cfg.data[split].pipeline[0].backend = 'pillow'  # whose images are normalised
    dataset = build_dataset(
        cfg.data[split], {'test_mode': True} if split != 'train' else None
    )
    backbone = build_classifier(cfg.model).eval().backbone
    rows = []
    for draw in range(draws):
        images = [
            dataset[Draw(i, draw * len(dataset) + i, 0)]['img']
            for i in range(len(dataset))
        ]
        with torch.no_grad():
            rows.append(backbone(torch.stack(images)).numpy())
    return np.stack(rows)  # (draws, N, D)


def test_files_hold_the_features_of_each_draw(config, extracted):
    for split, draws in (('train', 3), ('val', 1)):
        data = extracted.data[split]
        assert data.num_aug == draws
        files = [np.load(f'{data.feature_file}_{i}.npy') for i in range(1, draws + 1)]
        expected = expected_features(config, split, draws)
        np.testing.assert_allclose(np.stack(files), expected, atol=1e-5)
    # The draws of a patch differ, and evaluation's files serve val and test alike.
    assert not np.allclose(expected_features(config, 'train', 2)[0], files[0][:1])
    assert extracted.data.val.feature_file == extracted.data.test.feature_file


def loader_of(cfg, split, seed=3):
    default = {'test_mode': True} if split != 'train' else None
    dataset = build_dataset(cfg.data[split], default)
    sampler = {'type': 'BalancedSampler', 'samples_per_replica': 4}
    return dataset, build_dataloader(
        dataset,
        4,
        2,
        dist=False,
        shuffle=split == 'train',
        seed=seed,
        sampler_cfg=sampler if split == 'train' else None,
    )


def test_a_batch_is_what_loading_item_by_item_gives(extracted):
    for split in ('train', 'val'):
        dataset, loader = loader_of(extracted, split)
        assert isinstance(loader, FeatureLoader)
        batches = iter(loader)
        indices = iter(loader.batch_sampler)
        for _ in range(3 if split == 'train' else len(loader)):
            batch, members = next(batches), next(indices)
            items = [dataset[i] for i in members]
            assert torch.equal(batch['img'], torch.stack([i['img'] for i in items]))
            if split == 'train':
                labels = torch.tensor([int(item['gt_label']) for item in items])
                assert torch.equal(batch['gt_label'], labels)
            names = [item['img_metas'].data['filename'] for item in items]
            assert [m['filename'] for m in batch['img_metas'].data[0]] == names


def test_training_takes_all_draws_about_alike(extracted):
    dataset, _ = loader_of(extracted, 'train')
    first = [dataset[Draw(0, k, 7)]['img'][0].item() for k in range(900)]
    _, counts = np.unique(first, return_counts=True)
    # Three equal shares of 900: a standard deviation of sqrt(900 * 1/3 * 2/3) = 14.
    assert len(counts) == 3
    assert (abs(counts - 300) < 70).all()


def test_a_loader_of_images_is_torchs(config):
    _, loader = loader_of(Config.fromfile(str(config)), 'val')
    assert type(loader) is torch.utils.data.DataLoader


def test_what_is_finished_is_not_computed_again(config, tmp_path, monkeypatch):
    monkeypatch.setattr(extract_rows, 'PIECE', 5)
    monkeypatch.setattr(extract_rows, 'join_pieces', lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # killed before the first file is whole
        extract_features(config, tmp_path / 'out', num_aug=1)
    pieces = sorted(path.name for path in (tmp_path / 'out').glob('*.npy'))
    assert pieces == [
        'train-train_1.npy.0-5.npy',
        'train-train_1.npy.10-12.npy',
        'train-train_1.npy.5-10.npy',
    ]
    monkeypatch.undo()
    monkeypatch.setattr(extract_rows, 'PIECE', 5)
    (tmp_path / 'out' / 'train-train_1.npy.0-5.npy.ab12.partial').touch()  # killed
    computed = []
    features = extract_rows._features
    monkeypatch.setattr(
        extract_rows,
        '_features',
        lambda model, dataset, rows, *rest: (
            computed.append(len(rows)) or features(model, dataset, rows, *rest)
        ),
    )
    path = extract_features(config, tmp_path / 'out', num_aug=1)
    assert computed == [5, 1]  # the six patches of val
    feature_file = Config.fromfile(str(path)).data.train.feature_file
    np.testing.assert_allclose(
        np.load(f'{feature_file}_1.npy'),
        expected_features(config, 'train', 1)[0],
        atol=1e-5,
    )
    assert not list((tmp_path / 'out').glob('*.npy.*'))
    extract_features(config, tmp_path / 'out', num_aug=2, splits=['train'])
    assert computed == [5, 1, 5, 5, 2]


def test_features_of_something_else_are_refused(config, extracted, tmp_path):
    ann_file = tmp_path / 'train.txt'
    whole = ann_file.read_text()
    ann_file.write_text(''.join(reversed(whole.splitlines(keepends=True))))
    with pytest.raises(
        ValueError, match=r'whose lines differ from those of .*train\.txt'
    ):
        build_dataset(extracted.data.train)
    with pytest.raises(ValueError, match='are of another annotation'):
        extract_features(config, tmp_path / 'out', num_aug=3)
    ann_file.write_text(whole)
    build_dataset(extracted.data.train)

    old = extracted.data.train.feature_digest
    other = {**extracted.data.train, 'feature_digest': 'ff' * 32}
    with pytest.raises(ValueError, match=rf'backbone {old} .* expects ffff'):
        build_dataset(other)
    tiny_clip(tmp_path / 'clip.pt', 1, 32, 64, 1, image_size=32)
    with pytest.raises(ValueError, match='are of another backbone'):
        extract_features(config, tmp_path / 'out', num_aug=3)
    extract_features(config, tmp_path / 'out', num_aug=3, force=True)
    with pytest.raises(ValueError, match=f'the config expects {old}'):
        build_dataset(extracted.data.train)


def test_features_of_other_draws_are_refused(config, extracted, tmp_path):
    config.write_text(config.read_text() + "\ndata['train']['seeding'] = 'v1'\n")
    with pytest.raises(ValueError, match='are of another pipeline'):
        extract_features(config, tmp_path / 'out', num_aug=3)


def test_a_trained_backbone_has_no_lasting_features(config, tmp_path):
    options = {'model.backbone.fix': False}
    with pytest.raises(ValueError, match='trains its backbone'):
        extract_features(config, tmp_path / 'out', options=options)


def test_checkpoints_pass_between_images_and_features(
    config, extracted, tmp_path, capsys
):
    on_images = build_classifier(Config.fromfile(str(config)).model)
    on_features = build_classifier(extracted.model)
    save_checkpoint(on_features, str(tmp_path / 'features.pth'))
    load_checkpoint(on_images, str(tmp_path / 'features.pth'), map_location='cpu')
    assert torch.equal(on_images.head.fc.weight, on_features.head.fc.weight)
    save_checkpoint(on_images, str(tmp_path / 'images.pth'))
    load_checkpoint(on_features, str(tmp_path / 'images.pth'), map_location='cpu')
    printed = capsys.readouterr().out
    assert 'missing' not in printed
    assert 'unexpected' not in printed
    extracted.model.backbone.digest = 'ff' * 32
    with pytest.raises(ValueError, match='other frozen weights'):
        load_checkpoint(
            build_classifier(extracted.model),
            str(tmp_path / 'images.pth'),
            map_location='cpu',
        )


def test_two_processes_share_the_work_and_mim_trains_on_it(
    config, extracted, tmp_path, monkeypatch
):
    torchrun = [sys.executable, '-m', 'torch.distributed.run', '--nproc_per_node=2']
    script = tmp_path / 'pieces.py'  # the command, with pieces of five rows
    script.write_text(
        'import sys; from cite.apis.features import extract_rows\n'
        'from cite.commands import run\n'
        "extract_rows.PIECE = 5; run('extract', sys.argv[1:])\n"
    )
    printed = run(
        *torchrun,
        '--master_port=29631',
        script,
        config,
        *('--out', tmp_path / 'two', '--num-aug', 3),
        PYTHON_EXEC=str(forked.python()),
    )
    train = 'train-train_3.npy'
    np.testing.assert_allclose(
        np.load(tmp_path / 'two' / train), np.load(tmp_path / 'out' / train), atol=1e-5
    )
    path = tmp_path / 'two' / 'linear.py'
    assert printed.count(f'cite train {path}') == 1
    log = run(sys.executable, '-m', 'cite', 'train', path)
    assert 'bag_accuracy' in log
    checkpoint = tmp_path / 'run_features' / 'latest.pth'
    for name in (path, config):
        out = tmp_path / 'result.json'
        test = (checkpoint, '--metrics', 'accuracy', '--out', out)
        log = run(sys.executable, '-m', 'cite', 'test', name, *test)
        assert 'missing keys' not in log
        scores = np.array(json.loads(out.read_text())['class_scores'])
        if name == path:
            expected = scores
    np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.parametrize('seed', [-1, 2**64])
def test_a_seed_that_no_generator_takes_is_refused(seed):
    with pytest.raises(ValueError, match=rf'seed={seed}: name a number from 0'):
        extract_rows.Extraction(batch_size=1, workers=0, seed=seed)
