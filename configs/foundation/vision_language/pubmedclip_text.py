# CITE on PubMedCLIP's image tower, guided by its own text tower.
# mim train mmcls configs/foundation/vision_language/pubmedclip_text.py --seed 0
# Weights and their conversion: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../pathology/pubmedclip.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 512
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='CLIPTextEncoder',
            arch='data/models/pubmedclip.pt')))
work_dir = f"work_dirs/foundation/pubmedclip_text_p{os.environ.get('SHOTS', 'all')}"
