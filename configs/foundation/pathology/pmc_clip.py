# CITE on PMC-CLIP's image tower, a ResNet-50 as CLIP has it, from the published file.
# Weights: docs/MODEL_ZOO.md
_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='PromptedCLIPImageBackbone',
        arch='data/models/pmc_clip.pt',
        prompt_length=8,
        prompt_pos='pad'),
    neck=dict(in_features=768))
work_dir = 'work_dirs/foundation/pmc_clip'
