# CITE on UNI2-h, ViT-H/14 with registers.
# mim train mmcls configs/foundation/pathology/uni2_h.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='uni2_h',
        checkpoint='data/models/uni2_h.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=1536))
work_dir = f"work_dirs/foundation/uni2_h_p{os.environ.get('SHOTS', 'all')}"
