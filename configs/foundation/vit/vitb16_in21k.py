# CITE on ViT-B/16 of ImageNet-21k.
# mim train mmcls configs/foundation/vit/vitb16_in21k.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='vit_base_patch16_224.augreg_in21k',
        checkpoint='data/models/vitb16_in21k.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=768))
work_dir = f"work_dirs/foundation/vitb16_in21k_p{os.environ.get('SHOTS', 'all')}"
