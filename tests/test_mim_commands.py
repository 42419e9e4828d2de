"""The released commands, run as a user runs them, on a config in its words."""

import json
import re
import shutil
import sys

import numpy as np
import pytest
import torch
from clip.model import CLIP
from commands import ROOT, mim, run, tool
from PIL import Image

SUBTYPES = [
    'Well differentiated tubular adenocarcinoma',
    'Moderately differentiated tubular adenocarcinoma',
    'Poorly differentiated adenocarcinoma, solid type',
]
METRICS = ['accuracy', 'class_accuracy', 'bag_accuracy', 'bag_class_accuracy']
CONFIG = """
custom_imports = dict(imports=['cite'], allow_failed_imports=False)
log_config = dict(interval=2, hooks=[dict(type='TextLoggerHook')])
checkpoint_config = dict(interval=4, max_keep_ckpts=1)
evaluation = dict(by_epoch=False, metric={metrics}, interval=4)
dist_params = dict(backend='nccl')
log_level = 'INFO'
load_from = None
resume_from = None
workflow = [('train', 1)]
runner = dict(type='IterBasedRunner', max_iters=4)
optimizer = dict(type='SGD', lr=0.05)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy='CosineAnnealing', min_lr=0., by_epoch=False, warmup='constant',
                 warmup_by_epoch=False, warmup_iters=2, warmup_ratio=0.005)
train_pipeline = [dict(type='PatchGastricPipeline'),
                  dict(type='ToTensor', keys=['gt_label']),
                  dict(type='Collect', keys=['img', 'gt_label'])]
test_pipeline = [dict(type='PatchGastricPipeline', test_mode=False),
                 dict(type='Collect', keys=['img'])]
data = dict(
    samples_per_gpu=6, workers_per_gpu=1,
    train=dict(type='PatchGastricCls3', data_prefix='{data}/patches_captions/',
               ann_file='{data}/gastric_cls3_ann/train_all_0.5.txt',
               pipeline=train_pipeline, patch_balance=True),
    val=dict(type='PatchGastricCls3', data_prefix='{data}/patches_captions/',
             ann_file='{data}/gastric_cls3_ann/val_0.5.txt', pipeline=test_pipeline),
    test=dict(type='PatchGastricCls3', data_prefix='{data}/patches_captions/',
              ann_file='{data}/gastric_cls3_ann/val_0.5.txt', pipeline=test_pipeline))
work_dir = '{data}/run'
model = dict(
    type='{classifier}',
    backbone=dict(type='PromptedCLIPImageBackbone', arch='{data}/clip.pt',
                  prompt_length=2, prompt_pos='prepend', prompt_init='token'),
    neck=dict(type='ProjectionNeck', in_features=16, out_features=32,
              init='normal_identity', float16=True),
    head=dict(type='TextEmbeddingHead', temperature=4.6052, float16=True,
              texts=['Well differentiated', 'Moderately differentiated', 'Poorly'],
              text_encoder=dict(type='BERT', model='{data}/TinyBERT')))
"""
ZERO_SHOT = """
_base_ = '{base}'
model = dict(
    _delete_=True, type='CITEClassifier',
    backbone=dict(type='CLIPImageBackbone', arch='{data}/clip.pt'),
    head=dict(type='CLIPTextHead', arch='{data}/clip.pt',
              texts=['well', 'mod', 'poor']))
"""


@pytest.fixture(scope='module')
def data(tmp_path_factory, save_tiny_bert):
    folder = tmp_path_factory.mktemp('gastric')
    (folder / 'patches_captions').mkdir()
    rng = np.random.default_rng(0)
    rows = ['id,subtype,text']
    for label, subtype in enumerate(SUBTYPES):
        for slide in range(4):
            rows.append(f'c{label}s{slide},"{subtype}",')
            for patch in range(3):
                pixels = rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)
                name = f'c{label}s{slide}_{patch}.jpg'
                Image.fromarray(pixels).save(folder / 'patches_captions' / name)
    (folder / 'captions.csv').write_text('\n'.join(rows) + '\n')
    torch.manual_seed(0)
    clip = CLIP(16, 224, 1, 64, 112, 77, 49408, 64, 1, 1)
    torch.save(clip.state_dict(), folder / 'clip.pt')
    save_tiny_bert(folder / 'TinyBERT')
    run(sys.executable, ROOT / 'tools/ann.py', '--data-path', folder, '--val', 0.5)
    return folder


def write_config(data, classifier):
    path = data / f'{classifier}.py'
    path.write_text(CONFIG.format(data=data, classifier=classifier, metrics=METRICS))
    return path


@pytest.mark.parametrize(
    ('classifier', 'by_mim'), [('ImageClassifier', False), ('CITEClassifier', True)]
)
def test_train_then_test_gives_the_figures_of_training(data, classifier, by_mim):
    config, work_dir = write_config(data, classifier), data / classifier
    # mim takes seconds to start the tools: once is enough.
    command = (lambda name, *words: mim(name, 'mmcls', *words)) if by_mim else tool
    log = command('train', config, '--seed', 0, '--work-dir', work_dir)
    assert re.search(r'Iter \[2/4\]\s+lr: .*eta: .*loss: ', log)
    assert re.search(r'\[>+\] \d+/18', log)  # the progress bar of the evaluation
    lines = next(work_dir.glob('*.log.json')).read_text().splitlines()
    in_training = json.loads(lines[-1])

    # Neither the language model nor its cached answer is there any more.
    shutil.move(str(data / 'TinyBERT'), str(data / 'away'))
    try:
        out = work_dir / 'results.json'
        printed = command(
            *('test', config, '--checkpoint', work_dir / 'latest.pth'),
            *('--out', out, '--metrics', *METRICS),
        )
    finally:
        shutil.move(str(data / 'away'), str(data / 'TinyBERT'))
    assert 'missing keys' not in printed
    assert 'unexpected key' not in printed
    results = json.loads(out.read_text())
    assert len(results['class_scores']) == 18
    for name in ('accuracy', 'mean_accuracy', 'bag_accuracy', 'mean_bag_accuracy'):
        assert results[name] == pytest.approx(in_training[name], abs=1e-3)


def test_zero_shot_is_one_command(data):
    base = write_config(data, 'CITEClassifier')
    config = data / 'zeroshot.py'
    config.write_text(ZERO_SHOT.format(base=base, data=data))
    printed = tool('test', config, '--checkpoint', 'none', '--metrics', *METRICS)
    assert re.search(r'mean_bag_accuracy : \d+\.\d\d', printed)
    assert 'missing keys' not in printed
