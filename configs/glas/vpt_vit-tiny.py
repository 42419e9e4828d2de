# Visual prompt tuning (VPT, shallow) of ViT-tiny with a linear classifier.
_base_ = 'linear_vit-tiny.py'

model = dict(backbone=dict(prompt_length=1, prompt_init='normal'))
work_dir = 'work_dirs/glas/vpt_vit-tiny'
