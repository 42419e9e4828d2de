# CITE on Virchow2, ViT-H/14 with registers.
# mim train mmcls configs/foundation/pathology/virchow2.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='virchow2',
        checkpoint='data/models/virchow2.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=1280))
work_dir = f"work_dirs/foundation/virchow2_p{os.environ.get('SHOTS', 'all')}"
