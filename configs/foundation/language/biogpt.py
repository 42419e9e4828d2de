# CITE on CLIP ViT-B/16, guided by BioGPT.
# mim train mmcls configs/foundation/language/biogpt.py --seed 0
# Weights: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../clip/clip_vitb16.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 1024
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='DecoderTextEncoder',
            model='microsoft/biogpt',
            key='last')))
work_dir = f"work_dirs/foundation/biogpt_p{os.environ.get('SHOTS', 'all')}"
