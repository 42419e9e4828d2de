# CITE on a plain ViT-tiny without prompts: neck and text head alone.
# SPLIT=0 mim train mmcls configs/glas/neck_vit-tiny_minilm.py --seed 0
# Expect 61.7 ± 9.6 % of the fields (five splits, README.md in this folder).
import os

_base_ = 'cite_vit-tiny_minilm.py'
model = dict(backbone=dict(prompt_length=0))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/neck_vit-tiny_minilm_split{split}_p{n}'
