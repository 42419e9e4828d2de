# CITE on CLIP ViT-B/16, guided by Meditron 7B.
# mim train mmcls configs/foundation/language/meditron_7b.py --seed 0
# Weights: docs/MODEL_ZOO.md. Not run here with the real weights.
# In fp32 its 7 B parameters take 28 GB of memory, once: the embeddings are kept.
import os

_base_ = '../clip/clip_vitb16.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 4096
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='DecoderTextEncoder',
            model='epfl-llm/meditron-7b',
            key='last')))
work_dir = f"work_dirs/foundation/meditron_7b_p{os.environ.get('SHOTS', 'all')}"
