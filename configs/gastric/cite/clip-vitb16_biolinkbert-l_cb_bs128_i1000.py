# CITE: CLIP ViT-B/16 with one visual prompt, guided by BioLinkBERT-large.
# mim train mmcls configs/gastric/cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py --seed 0
# Few slides:  SHOTS=4 mim train mmcls configs/gastric/cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py
# SHOTS is 1, 2, 4, 8, 16 or all (default): training slides per class.
# Expect a checkpoint of 2.1 MB after 1000 iterations of 128 images: about 8 hours on 2
# CPU cores with bf16, at the 4.2 to 4.6 images/s of docs/BENCHMARK.md. Not run here on
# PatchGastric or on a GPU, so its accuracy and time there are unknown.
import os

import mmcv

_base_ = [
    '../_base_/custom_imports.py',
    '../_base_/iter_based_runtime.py',
    '../_base_/gastric_dataset.py',
    '../_base_/sgd_i1000_lr0.001-cos.py'
]

lr = 0.03
n = os.environ.get('SHOTS', 'all')
vpl = 1
run_name = f'clip-vitb16_biolinkbert-l_vpl{vpl}_p{n}-cb_bs128_i1000_lr{lr}'

TEXTS = mmcv.Config.fromfile(
    os.path.join('{{ fileDirname }}', '../_base_/class_texts.py')).TEXTS
model = dict(
    type='CITEClassifier',
    backbone=dict(
        type='PromptedCLIPImageBackbone',
        arch='ViT-B/16',
        prompt_length=vpl,
        prompt_pos='prepend',
        prompt_init='token'),
    neck=dict(
        type='ProjectionNeck',
        in_features=512,
        out_features=1024,
        init='normal_identity',
        float16=True),
    head=dict(
        type='TextEmbeddingHead',
        texts=TEXTS,
        temperature=4.6052,  # exp(4.6052) = 100
        float16=True,
        text_encoder=dict(
            type='BERT', model='michiyasunaga/BioLinkBERT-large')))

optimizer = dict(lr=lr)

data = dict(
    train=dict(
        ann_file=f'data/gastric_cls3_ann/train_{n}_0.2.txt',
        patch_balance=True))

work_dir = f'work_dirs/gastric_cite/{run_name}'
