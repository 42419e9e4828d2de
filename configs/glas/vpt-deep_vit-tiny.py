# Visual prompt tuning, deep: a prompt of its own for each of the twelve blocks.
# SPLIT=0 mim train mmcls configs/glas/vpt-deep_vit-tiny.py --seed 0
# Not run here with this recipe; docs/COMPARE.md has figures with a shorter one.
import os

_base_ = 'vpt_vit-tiny.py'

model = dict(backbone=dict(prompt_layers=list(range(12))))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/vpt-deep_vit-tiny_split{split}_p{n}'
