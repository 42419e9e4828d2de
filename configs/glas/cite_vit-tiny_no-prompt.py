# CITE on ViT-tiny without a visual prompt: neck and text head alone.
_base_ = 'cite_vit-tiny_minilm.py'

model = dict(backbone=dict(prompt_length=0))
work_dir = 'work_dirs/glas/cite_vit-tiny_no-prompt'
