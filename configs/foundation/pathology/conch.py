# CITE on CONCH's image trunk, ViT-B/16.
# mim train mmcls configs/foundation/pathology/conch.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='conch',
        checkpoint='data/models/conch.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=768))
work_dir = f"work_dirs/foundation/conch_p{os.environ.get('SHOTS', 'all')}"
