# CITE on InternImage-T (INTERN-2.5): a learnable border of 8 pixels.
# mim train mmcls configs/foundation/internimage/internimage_tiny.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='InternImage',
        arch='tiny',
        checkpoint='data/models/internimage_tiny.safetensors',
        prompt_length=8,
        prompt_pos='pad'),
    neck=dict(in_features=768))
work_dir = f"work_dirs/foundation/internimage_tiny_p{os.environ.get('SHOTS', 'all')}"
