# CITE on CLIP ViT-B/16, guided by BioLinkBERT-large.
# mim train mmcls configs/foundation/language/biolinkbert_large.py --seed 0
# Weights: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../clip/clip_vitb16.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 1024
    head=dict(
        text_encoder=dict(
            type='BERT',
            model='michiyasunaga/BioLinkBERT-large',
            key='pooler_output')))
work_dir = f"work_dirs/foundation/biolinkbert_large_p{os.environ.get('SHOTS', 'all')}"
