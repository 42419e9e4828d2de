# CITE on Prov-GigaPath's tile encoder, ViT-g/16.
# mim train mmcls configs/foundation/pathology/prov_gigapath.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='prov_gigapath',
        checkpoint='data/models/prov_gigapath.safetensors',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=1536))
work_dir = f"work_dirs/foundation/prov_gigapath_p{os.environ.get('SHOTS', 'all')}"
