# CITE on Phikon, by its hub name or local folder.
# Weights and their conversion: docs/MODEL_ZOO.md
_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TransformersImageBackbone',
        model_name='owkin/phikon',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=768))
work_dir = 'work_dirs/foundation/phikon'
