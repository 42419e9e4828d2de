# CITE on PMC-CLIP's image tower, guided by its own text tower.
# mim train mmcls configs/foundation/vision_language/pmc_clip_text.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../pathology/pmc_clip.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 768
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='OpenCLIPTextEncoder',
            model='data/models/PMC-CLIP')))
work_dir = f"work_dirs/foundation/pmc_clip_text_p{os.environ.get('SHOTS', 'all')}"
