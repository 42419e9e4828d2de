# CITE on PatchGastric with any image backbone: a visual prompt and a projection are
# trained against BioLinkBERT-large's class embeddings. A leaf sets the backbone and the
# width of its features; mean, std and interpolation of the images come from the backbone.
# Not run here with real weights: expect the same 1000 iterations of 128 images as
# configs/gastric/cite; the time depends on the backbone.
import os

import mmcv

_base_ = [
    '../../gastric/_base_/custom_imports.py',
    '../../gastric/_base_/iter_based_runtime.py',
    '../../gastric/_base_/gastric_dataset.py',
    '../../gastric/_base_/sgd_i1000_lr0.001-cos.py'
]
n = os.environ.get('SHOTS', 'all')
TEXTS = mmcv.Config.fromfile(
    os.path.join('{{ fileDirname }}', '../../gastric/_base_/class_texts.py')).TEXTS
model = dict(
    type='CITEClassifier',
    neck=dict(type='ProjectionNeck', out_features=1024, init='normal_identity'),
    head=dict(
        type='TextEmbeddingHead',
        texts=TEXTS,
        temperature=4.6052,  # exp(4.6052) = 100
        text_encoder=dict(
            type='BERT', model='michiyasunaga/BioLinkBERT-large')))
optimizer = dict(lr=0.03)
data = dict(
    train=dict(
        ann_file=f'data/gastric_cls3_ann/train_{n}_0.2.txt',
        patch_balance=True))
