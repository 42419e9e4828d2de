# CITE on CLIP ViT-B/16, guided by ClinicalBERT.
# mim train mmcls configs/foundation/language/clinicalbert.py --seed 0
# Weights: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../clip/clip_vitb16.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 768
    head=dict(
        text_encoder=dict(
            type='BERT',
            model='emilyalsentzer/Bio_ClinicalBERT',
            key='pooler_output')))
work_dir = f"work_dirs/foundation/clinicalbert_p{os.environ.get('SHOTS', 'all')}"
