# CITE on MI-Zero's image encoder: a CTransPath, 768 wide before its projection.
# mim train mmcls configs/foundation/pathology/mi_zero.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='ctranspath',
        checkpoint='data/models/mi_zero.safetensors',
        prompt_length=8,
        prompt_pos='pad'),
    neck=dict(in_features=768))
work_dir = f"work_dirs/foundation/mi_zero_p{os.environ.get('SHOTS', 'all')}"
