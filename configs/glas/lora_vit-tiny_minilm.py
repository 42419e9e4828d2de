# CITE with LoRA in the attention of a plain ViT-tiny in place of a prompt.
_base_ = 'cite_vit-tiny_minilm.py'
model = dict(backbone=dict(prompt_length=0, lora=dict(r=8)))
work_dir = 'work_dirs/glas/lora_vit-tiny_minilm'
