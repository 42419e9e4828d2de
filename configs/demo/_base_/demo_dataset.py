# Synthetic slides, made by `make demo`.
import os

data_root = os.environ.get('DEMO_DATA', 'data/demo')
preprocess = dict(
    type='PatchGastricPipeline',
    size=112,  # half of the real one: a quarter of the tokens
    mean=[0.48145466, 0.4578275, 0.40821073],  # CLIP's, clip/clip.py
    std=[0.26862954, 0.26130258, 0.27577711],
    saturation=[0.8, 1.2],
    interpolation='bicubic',
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
    data_prefix=f'{data_root}/patches_captions/',
    patch_pixels=300,  # what `cite predict` cuts slides into
    mpp=0.5)
val_file = f'{data_root}/gastric_cls3_ann/val_0.5.txt'
data = dict(
    samples_per_gpu=32,
    workers_per_gpu=2,
    train=dict(
        ann_file=f'{data_root}/gastric_cls3_ann/train_all_0.5.txt',
        pipeline=train_pipeline,
        **common),
    val=dict(ann_file=val_file, pipeline=test_pipeline, **common),
    test=dict(ann_file=val_file, pipeline=test_pipeline, **common))
