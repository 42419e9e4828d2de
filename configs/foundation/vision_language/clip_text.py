# CITE on CLIP ViT-B/16's image tower, guided by its own text tower.
# mim train mmcls configs/foundation/vision_language/clip_text.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../clip/clip_vitb16.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 512
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='CLIPTextEncoder',
            arch='ViT-B/16')))
work_dir = f"work_dirs/foundation/clip_text_p{os.environ.get('SHOTS', 'all')}"
