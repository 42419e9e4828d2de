# Linear classifier on frozen Hiera-tiny features.
# SPLIT=0 mim train mmcls configs/glas/linear_hiera-tiny.py --seed 0
# Expect 55.1 ± 12.7 % of the fields (five splits, README.md in this folder).
import os

_base_ = [
    '../gastric/_base_/custom_imports.py',
    '_base_/runtime.py',
    '_base_/glas_dataset.py',
    '_base_/sgd_i100.py'
]
model = dict(
    type='CITEClassifier',
    precision='fp32',  # the same figures on every CPU
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='sam2_hiera_tiny',
        image_stats=dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        checkpoint='data/models/sam2_hiera_tiny.fp16.safetensors'),
    head=dict(type='MyLinearClsHead', num_classes=3, in_channels=768))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/linear_hiera-tiny_split{split}_p{n}'
