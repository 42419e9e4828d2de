# CLIP ViT-B/16, fine-tuned whole.
# mim train mmcls configs/gastric/baseline/finetune_clip-vitb16_bs128_i1000.py --seed 0
# Few slides:  SHOTS=4 mim train mmcls configs/gastric/baseline/finetune_clip-vitb16_bs128_i1000.py
# Not run here on PatchGastric.
import os

_base_ = [
    '../_base_/custom_imports.py',
    '../_base_/iter_based_runtime.py',
    '../_base_/gastric_dataset.py',
    '../_base_/sgd_i1000_lr0.001-cos.py'
]

lr = 1e-5
n = os.environ.get('SHOTS', 'all')
run_name = f'finetune_clip-vitb16_p{n}_bs128_i1000_lr{lr}'

model = dict(
    type='CITEClassifier',
    backbone=dict(type='CLIPImageBackbone', arch='ViT-B/16', fix=False),
    head=dict(type='MyLinearClsHead', num_classes=3, in_channels=512))

optimizer = dict(lr=lr)

data = dict(train=dict(ann_file=f'data/gastric_cls3_ann/train_{n}_0.2.txt'))

work_dir = f'work_dirs/gastric_baseline/{run_name}'
