# CITE on a plain ViT-tiny: one visual prompt, neck and text head trained.
# SPLIT=0 mim train mmcls configs/glas/cite_vit-tiny_minilm.py --seed 0
# Expect 63.6 ± 8.1 % of the fields (five splits, README.md in this folder).
# Its 100 iterations take about 140 s of processor time on one core (modern stack; by
# iterations 30 to 50 of cite_vit-tiny_no-text.py, which trains the same parts).
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
        model_name='vit_tiny_patch16_224',
        image_stats=dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        checkpoint='data/models/vit_tiny_colorectal.fp16.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=192))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/cite_vit-tiny_minilm_split{split}_p{n}'
