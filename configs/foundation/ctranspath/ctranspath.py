# CITE on CTransPath, Swin-T with a convolutional stem: a learnable border of 8 pixels.
# mim train mmcls configs/foundation/ctranspath/ctranspath.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='ctranspath',
        checkpoint='data/models/ctranspath.safetensors',
        prompt_length=8,
        prompt_pos='pad'),
    neck=dict(in_features=768))
work_dir = f"work_dirs/foundation/ctranspath_p{os.environ.get('SHOTS', 'all')}"
