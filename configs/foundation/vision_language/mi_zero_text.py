# CITE on MI-Zero's image tower, guided by its own text tower.
# mim train mmcls configs/foundation/vision_language/mi_zero_text.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../pathology/mi_zero.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 512
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='OpenCLIPTextEncoder',
            model='data/models/MI-Zero')))
work_dir = f"work_dirs/foundation/mi_zero_text_p{os.environ.get('SHOTS', 'all')}"
