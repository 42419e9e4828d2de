# CITE on CLIP ViT-B/16, guided by BlueBERT.
# mim train mmcls configs/foundation/language/bluebert.py --seed 0
# Weights: docs/MODEL_ZOO.md. Not run here with the real weights.
import os

_base_ = '../clip/clip_vitb16.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 768
    head=dict(
        text_encoder=dict(
            type='BERT',
            model='bionlp/bluebert_pubmed_mimic_uncased_L-12_H-768_A-12',
            key='pooler_output')))
work_dir = f"work_dirs/foundation/bluebert_p{os.environ.get('SHOTS', 'all')}"
