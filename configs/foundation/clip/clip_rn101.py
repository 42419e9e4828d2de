# CITE on CLIP RN101: a learnable border of 8 pixels.
# mim train mmcls configs/foundation/clip/clip_rn101.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='PromptedCLIPImageBackbone',
        arch='RN101',
        prompt_length=8,
        prompt_pos='pad'),
    neck=dict(in_features=512))
work_dir = f"work_dirs/foundation/clip_rn101_p{os.environ.get('SHOTS', 'all')}"
