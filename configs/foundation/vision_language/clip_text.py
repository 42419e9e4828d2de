# CITE on CLIP ViT-B/16's image tower, guided by its own text tower.
# Weights and their conversion: docs/MODEL_ZOO.md
_base_ = '../clip/clip_vitb16.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 512
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='CLIPTextEncoder',
            arch='ViT-B/16')))
work_dir = 'work_dirs/foundation/clip_text'
