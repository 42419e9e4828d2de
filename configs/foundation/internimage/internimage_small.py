# CITE on InternImage-S (INTERN-2.5): a learnable border of 8 pixels.
# mim train mmcls configs/foundation/internimage/internimage_small.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='InternImage',
        arch='small',
        checkpoint='data/models/internimage_small.safetensors',
        prompt_length=8,
        prompt_pos='pad'),
    neck=dict(in_features=960))
work_dir = f"work_dirs/foundation/internimage_small_p{os.environ.get('SHOTS', 'all')}"
