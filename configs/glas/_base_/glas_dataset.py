# GlaS: three grades of colorectal glands, patient-disjoint halves.
# SPLIT chooses the folder of annotation files (see configs/glas/README.md); SHOTS is 1,
# 2, 4, 8, 16 or all (default): training slides per class. Both are in the work folder.
import os

split = os.environ.get('SPLIT', '0')
n = os.environ.get('SHOTS', 'all')
ann_root = f'data/glas/ann_seed{split}/'
preprocess = dict(
    type='PatchGastricPipeline',
    size=224,
    mean='model',  # what the backbone was trained with
    std='model',
    saturation=[0.8, 1.2],
    interpolation='model',
    backend='fast')  # 'pillow': the same images, slower
train_pipeline = [
    preprocess,
    dict(type='ToTensor', keys=['gt_label']),
    dict(type='Collect', keys=['img', 'gt_label'])
]
test_pipeline = [
    dict(test_mode=True, **preprocess),
    dict(type='Collect', keys=['img'])
]
common = dict(
    type='PatchGastricCls3',
    data_prefix='data/glas/patches_captions/',
    patch_pixels=300,  # what `cite predict` cuts slides into
    mpp=0.62,  # of the challenge's images
    classes='{{ fileDirname }}/../classes.yml')
data = dict(
    samples_per_gpu=16,
    workers_per_gpu=2,
    train=dict(
        ann_file=ann_root + f'train_{n}_0.5.txt',
        pipeline=train_pipeline,
        patch_balance=True,
        **common),
    val=dict(
        ann_file=ann_root + 'val_0.5.txt', pipeline=test_pipeline, **common),
    test=dict(
        ann_file=ann_root + 'val_0.5.txt', pipeline=test_pipeline, **common))
