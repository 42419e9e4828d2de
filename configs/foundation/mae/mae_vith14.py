# CITE on MAE ViT-H/14.
# mim train mmcls configs/foundation/mae/mae_vith14.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='vit_huge_patch14_224.mae',
        checkpoint='data/models/mae_vith14.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=1280))
work_dir = f"work_dirs/foundation/mae_vith14_p{os.environ.get('SHOTS', 'all')}"
