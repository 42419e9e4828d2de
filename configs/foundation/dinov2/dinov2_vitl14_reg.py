# CITE on DINOv2 ViT-L/14 with registers.
# mim train mmcls configs/foundation/dinov2/dinov2_vitl14_reg.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='vit_large_patch14_reg4_dinov2.lvd142m',
        checkpoint='data/models/dinov2_vitl14_reg.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=1024))
work_dir = f"work_dirs/foundation/dinov2_vitl14_reg_p{os.environ.get('SHOTS', 'all')}"
