# CITE on MAE ViT-B/16.
# mim train mmcls configs/foundation/mae/mae_vitb16.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='vit_base_patch16_224.mae',
        checkpoint='data/models/mae_vitb16.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=768))
work_dir = f"work_dirs/foundation/mae_vitb16_p{os.environ.get('SHOTS', 'all')}"
