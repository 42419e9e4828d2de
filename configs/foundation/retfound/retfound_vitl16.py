# CITE on RETFound, MAE ViT-L/16.
# mim train mmcls configs/foundation/retfound/retfound_vitl16.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='retfound',
        checkpoint='data/models/retfound_vitl16.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=1024))
work_dir = f"work_dirs/foundation/retfound_vitl16_p{os.environ.get('SHOTS', 'all')}"
