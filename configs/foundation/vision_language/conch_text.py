# CITE on CONCH's image tower, guided by its own text tower.
# mim train mmcls configs/foundation/vision_language/conch_text.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
# Needs open_clip: pip install '.[open_clip]'
import os

_base_ = '../pathology/conch.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 512
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='OpenCLIPTextEncoder',
            model='data/models/CONCH')))
work_dir = f"work_dirs/foundation/conch_text_p{os.environ.get('SHOTS', 'all')}"
