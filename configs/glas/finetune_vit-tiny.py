# ViT-tiny, fine-tuned whole at a thirtieth of the others' rate.
# SPLIT=0 mim train mmcls configs/glas/finetune_vit-tiny.py --seed 0
# Not run here with this recipe; docs/COMPARE.md has figures with a shorter one.
import os

_base_ = 'linear_vit-tiny.py'

model = dict(backbone=dict(fix=False))
optimizer = dict(lr=0.001)
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/finetune_vit-tiny_split{split}_p{n}'
