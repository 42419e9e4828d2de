# CITE on CLIP ViT-L/14.
# mim train mmcls configs/foundation/clip/clip_vitl14.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='PromptedCLIPImageBackbone',
        arch='ViT-L/14',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=768))
work_dir = f"work_dirs/foundation/clip_vitl14_p{os.environ.get('SHOTS', 'all')}"
