# CITE with LoRA in the attention of Hiera-tiny.
_base_ = 'cite_hiera-tiny_minilm.py'
model = dict(backbone=dict(lora=dict(r=8)))
work_dir = 'work_dirs/glas/lora_hiera-tiny_minilm'
