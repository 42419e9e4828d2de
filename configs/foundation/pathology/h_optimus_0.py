# CITE on H-optimus-0, ViT-g/14 with registers.
# mim train mmcls configs/foundation/pathology/h_optimus_0.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='h_optimus_0',
        checkpoint='data/models/h_optimus_0.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=1536))
work_dir = f"work_dirs/foundation/h_optimus_0_p{os.environ.get('SHOTS', 'all')}"
