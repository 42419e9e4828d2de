# CITE on CLIP ViT-B/16, guided by Clinical-T5-Base.
# mim train mmcls configs/foundation/language/clinical_t5.py --seed 0
# Weights: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../clip/clip_vitb16.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 768
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='T5Encoder',
            model='data/models/Clinical-T5-Base',
            key='mean')))
work_dir = f"work_dirs/foundation/clinical_t5_p{os.environ.get('SHOTS', 'all')}"
