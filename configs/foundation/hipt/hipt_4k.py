# CITE on HIPT's region model: ViT-XS over the class tokens of ViT-256.
# mim train mmcls configs/foundation/hipt/hipt_4k.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/regions.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='hipt_4k',
        checkpoint='data/models/hipt_4k.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=192))
work_dir = f"work_dirs/foundation/hipt_4k_p{os.environ.get('SHOTS', 'all')}"
