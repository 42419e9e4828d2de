# CITE on PMC-CLIP's image tower, a ResNet-50 as CLIP has it, from the published file.
# mim train mmcls configs/foundation/pathology/pmc_clip.py --seed 0
# Weights: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='PromptedCLIPImageBackbone',
        arch='data/models/pmc_clip.pt',
        prompt_length=8,
        prompt_pos='pad'),
    neck=dict(in_features=768))
work_dir = f"work_dirs/foundation/pmc_clip_p{os.environ.get('SHOTS', 'all')}"
