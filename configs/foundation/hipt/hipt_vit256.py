# CITE on HIPT's ViT-S/16 of 256 x 256 patches.
# mim train mmcls configs/foundation/hipt/hipt_vit256.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='hipt_256',
        checkpoint='data/models/hipt_vit256.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=384))
work_dir = f"work_dirs/foundation/hipt_vit256_p{os.environ.get('SHOTS', 'all')}"
