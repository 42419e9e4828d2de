# CITE on REMEDIS, BiT ResNet-152x2: a learnable border of 8 pixels in place of tokens.
# mim train mmcls configs/foundation/remedis/remedis_bit152x2.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='TIMMImageBackbone',
        model_name='remedis_152x2',
        checkpoint='data/models/remedis_bit152x2.safetensors',
        prompt_length=8,
        prompt_pos='pad'),
    neck=dict(in_features=4096))
work_dir = f"work_dirs/foundation/remedis_bit152x2_p{os.environ.get('SHOTS', 'all')}"
