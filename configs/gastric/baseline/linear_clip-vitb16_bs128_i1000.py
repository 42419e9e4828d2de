# Linear classifier on frozen CLIP ViT-B/16 features.
# mim train mmcls configs/gastric/baseline/linear_clip-vitb16_bs128_i1000.py --seed 0
# Few slides:  SHOTS=4 mim train mmcls configs/gastric/baseline/linear_clip-vitb16_bs128_i1000.py
# The 1000 iterations take 2 s on 2 CPU cores on features that `cite extract CONFIG` has
# stored, which it computes at 9 to 10 images/s (docs/BENCHMARK.md). Not run here on
# PatchGastric.
import os

_base_ = [
    '../_base_/custom_imports.py',
    '../_base_/iter_based_runtime.py',
    '../_base_/gastric_dataset.py',
    '../_base_/sgd_i1000_lr0.001-cos.py'
]

lr = 1e-2
n = os.environ.get('SHOTS', 'all')
run_name = f'linear_clip-vitb16_p{n}_bs128_i1000_lr{lr}'

model = dict(
    type='CITEClassifier',
    backbone=dict(type='CLIPImageBackbone', arch='ViT-B/16'),
    head=dict(type='MyLinearClsHead', num_classes=3, in_channels=512))

optimizer = dict(lr=lr)

data = dict(train=dict(ann_file=f'data/gastric_cls3_ann/train_{n}_0.2.txt'))

work_dir = f'work_dirs/gastric_baseline/{run_name}'
