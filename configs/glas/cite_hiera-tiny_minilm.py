# CITE on SAM 2's Hiera-tiny, which has no place for prompt tokens: neck and text head.
# SPLIT=0 mim train mmcls configs/glas/cite_hiera-tiny_minilm.py --seed 0
# Expect 59.9 ± 4.6 % of the fields (five splits, README.md in this folder).
import os

_base_ = [
    '../gastric/_base_/custom_imports.py',
    '_base_/runtime.py',
    '_base_/glas_dataset.py',
    '_base_/sgd_i100.py',
    '_base_/text_head.py'
]
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='sam2_hiera_tiny',
        image_stats=dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        checkpoint='data/models/sam2_hiera_tiny.fp16.safetensors'),
    neck=dict(in_features=768))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/cite_hiera-tiny_minilm_split{split}_p{n}'
