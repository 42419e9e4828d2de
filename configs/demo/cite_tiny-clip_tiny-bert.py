# The CITE run of configs/gastric/cite on synthetic slides, with small models of random
# weights. `make demo` makes the data and the models, and runs it: docs/DEMO.md.
# mim train mmcls configs/demo/cite_tiny-clip_tiny-bert.py --seed 0
# Expect 96 to 100 % of the slides and 89 to 94 % of the patches (five seeds, docs/DEMO.md)
# after 200 iterations of 32 patches: slides, training and evaluation take 55 s on 2 CPU
# cores.
# Few slides:  SHOTS=4 mim train mmcls configs/demo/cite_tiny-clip_tiny-bert.py
import os

import mmcv

_base_ = [
    '../gastric/_base_/custom_imports.py',
    '../gastric/_base_/iter_based_runtime.py',
    '../gastric/_base_/sgd_i1000_lr0.001-cos.py',
    '_base_/demo_dataset.py'
]

data_root = os.environ.get('DEMO_DATA', 'data/demo')
lr = 0.03
n = os.environ.get('SHOTS', 'all')
vpl = 1
run_name = f'tiny-clip_tiny-bert_vpl{vpl}_p{n}-cb_bs32_i200_lr{lr}'

TEXTS = mmcv.Config.fromfile(
    os.path.join('{{ fileDirname }}', '../gastric/_base_/class_texts.py')).TEXTS
model = dict(
    type='CITEClassifier',
    # Features of random weights differ little between the classes, and half precision
    # would round the difference away.
    precision='fp32',
    backbone=dict(
        type='PromptedCLIPImageBackbone',
        arch=f'{data_root}/models/tiny_clip.pt',
        prompt_length=vpl,
        prompt_pos='prepend',
        prompt_init='token'),
    neck=dict(
        type='ProjectionNeck',
        in_features=128,
        out_features=192,
        init='normal_identity'),
    head=dict(
        type='TextEmbeddingHead',
        texts=TEXTS,
        temperature=4.6052,  # exp(4.6052) = 100
        text_encoder=dict(type='BERT', model=f'{data_root}/models/tiny_bert')))

runner = dict(max_iters=200)
optimizer = dict(lr=lr)
checkpoint_config = dict(interval=200)
evaluation = dict(interval=200)

data = dict(
    train=dict(
        ann_file=f'{data_root}/gastric_cls3_ann/train_{n}_0.5.txt',
        patch_balance=True))
work_dir = f'work_dirs/demo/{run_name}'
