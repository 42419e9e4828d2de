# ViT-tiny, fine-tuned whole at a thirtieth of the others' rate.
_base_ = 'linear_vit-tiny.py'

model = dict(backbone=dict(fix=False))
optimizer = dict(lr=0.001)
work_dir = 'work_dirs/glas/finetune_vit-tiny'
