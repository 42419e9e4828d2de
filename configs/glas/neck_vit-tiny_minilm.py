# Neck and text head on a plain ViT-tiny as it is: CITE without prompts.
_base_ = 'cite_vit-tiny_minilm.py'
model = dict(backbone=dict(prompt_length=0))
work_dir = 'work_dirs/glas/neck_vit-tiny_minilm'
