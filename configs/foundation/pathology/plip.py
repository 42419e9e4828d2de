# CITE on PLIP, converted to OpenAI's layout.
# mim train mmcls configs/foundation/pathology/plip.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../_base_/cite.py'
model = dict(
    backbone=dict(
        type='PromptedCLIPImageBackbone',
        arch='data/models/plip.pt',
        prompt_length=1,
        prompt_init='token'),
    neck=dict(in_features=512))
work_dir = f"work_dirs/foundation/plip_p{os.environ.get('SHOTS', 'all')}"
