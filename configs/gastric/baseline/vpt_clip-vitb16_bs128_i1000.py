# Visual prompt tuning (VPT, shallow) of CLIP ViT-B/16 with a linear classifier.
# mim train mmcls configs/gastric/baseline/vpt_clip-vitb16_bs128_i1000.py --seed 0
# Few slides:  SHOTS=4 mim train mmcls configs/gastric/baseline/vpt_clip-vitb16_bs128_i1000.py
# Expect the time of configs/gastric/cite, whose step is the same but for the head. Not
# run here on PatchGastric.
import os

_base_ = [
    '../_base_/custom_imports.py',
    '../_base_/iter_based_runtime.py',
    '../_base_/gastric_dataset.py',
    '../_base_/sgd_i1000_lr0.001-cos.py'
]

lr = 1e-2
n = os.environ.get('SHOTS', 'all')
vpl = 1
run_name = f'vpt_clip-vitb16_vpl{vpl}_p{n}_bs128_i1000_lr{lr}'

model = dict(
    type='CITEClassifier',
    backbone=dict(
        type='PromptedCLIPImageBackbone',
        arch='ViT-B/16',
        prompt_length=vpl,
        prompt_pos='prepend',
        prompt_init='normal'),
    head=dict(type='MyLinearClsHead', num_classes=3, in_channels=512))

optimizer = dict(lr=lr)

data = dict(train=dict(ann_file=f'data/gastric_cls3_ann/train_{n}_0.2.txt'))

work_dir = f'work_dirs/gastric_baseline/{run_name}'
