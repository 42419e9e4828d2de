# CITE with LoRA in the attention of a plain ViT-tiny instead of a prompt.
# SPLIT=0 mim train mmcls configs/glas/lora_vit-tiny_minilm.py --seed 0
# Expect 65.5 ± 8.6 % of the fields (five splits, README.md in this folder).
import os

_base_ = 'cite_vit-tiny_minilm.py'
model = dict(backbone=dict(prompt_length=0, lora=dict(r=8)))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/lora_vit-tiny_minilm_split{split}_p{n}'
