# CITE on CLIP ViT-B/16, guided by LLaMA 2 7B.
# mim train mmcls configs/foundation/language/llama2_7b.py --seed 0
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
            model='meta-llama/Llama-2-7b-hf',
            key='last')))
work_dir = f"work_dirs/foundation/llama2_7b_p{os.environ.get('SHOTS', 'all')}"
