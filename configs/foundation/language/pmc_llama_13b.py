# CITE on CLIP ViT-B/16, guided by PMC-LLaMA 13B.
# mim train mmcls configs/foundation/language/pmc_llama_13b.py --seed 0
# Weights: docs/MODEL_ZOO.md. Not run here with the real weights.
# In fp32 its 13 B parameters take 52 GB of memory, once: the embeddings are kept.
import os

_base_ = '../clip/clip_vitb16.py'
model = dict(
    neck=dict(out_features=None),  # as wide as the texts: 5120
    head=dict(
        text_encoder=dict(
            _delete_=True,
            type='DecoderTextEncoder',
            model='axiong/PMC_LLaMA_13B',
            key='last')))
work_dir = f"work_dirs/foundation/pmc_llama_13b_p{os.environ.get('SHOTS', 'all')}"
