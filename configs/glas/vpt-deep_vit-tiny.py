# Visual prompt tuning, deep: a prompt of its own for each of the twelve blocks.
_base_ = 'vpt_vit-tiny.py'

model = dict(backbone=dict(prompt_layers=list(range(12))))
work_dir = 'work_dirs/glas/vpt-deep_vit-tiny'
