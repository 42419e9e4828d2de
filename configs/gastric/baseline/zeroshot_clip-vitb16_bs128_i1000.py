# CLIP ViT-B/16, zero-shot: nothing is trained, so it needs no checkpoint.
# mim test mmcls configs/gastric/baseline/zeroshot_clip-vitb16_bs128_i1000.py \
#     --checkpoint none --metrics accuracy bag_accuracy mean_bag_accuracy
# A CLIP file of your own: --cfg-options model.backbone.arch=FILE model.head.arch=FILE
# Expect 9 to 10 images/s on 2 CPU cores with bf16 (docs/BENCHMARK.md). Not run here on
# PatchGastric.
import os

import mmcv

_base_ = [
    '../_base_/custom_imports.py',
    '../_base_/iter_based_runtime.py',
    '../_base_/gastric_dataset.py',
    '../_base_/sgd_i1000_lr0.001-cos.py'
]

n = 'all'
run_name = 'zeroshot_clip-vitb16'

arch = 'ViT-B/16'
TEXTS = mmcv.Config.fromfile(
    os.path.join('{{ fileDirname }}', '../_base_/class_texts.py')).TEXTS
template = '{}'
model = dict(
    type='CITEClassifier',
    backbone=dict(type='CLIPImageBackbone', arch=arch),
    head=dict(
        type='CLIPTextHead',
        arch=arch,
        texts=[template.format(text) for text in TEXTS]))

work_dir = f'work_dirs/gastric_baseline/{run_name}'
