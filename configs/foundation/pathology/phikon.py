# CITE on Phikon, by its hub name or local folder.
# mim train mmcls configs/foundation/pathology/phikon.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TransformersImageBackbone',
        model_name='owkin/phikon',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=768))
work_dir = f"work_dirs/foundation/phikon_p{os.environ.get('SHOTS', 'all')}"
