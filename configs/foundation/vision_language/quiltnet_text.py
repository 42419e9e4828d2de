# CITE on QuiltNet-B/32's image tower, guided by its own text tower.
# mim train mmcls configs/foundation/vision_language/quiltnet_text.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../pathology/quiltnet_b32.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 512
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='CLIPTextEncoder',
            arch='data/models/quiltnet_b32.pt')))
work_dir = f"work_dirs/foundation/quiltnet_text_p{os.environ.get('SHOTS', 'all')}"
