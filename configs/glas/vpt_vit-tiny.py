# Visual prompt tuning (VPT, shallow) of ViT-tiny with a linear classifier.
# SPLIT=0 mim train mmcls configs/glas/vpt_vit-tiny.py --seed 0
# Not run here with this recipe; docs/COMPARE.md has figures with a shorter one.
import os

_base_ = 'linear_vit-tiny.py'

model = dict(backbone=dict(prompt_length=1, prompt_init='normal'))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/vpt_vit-tiny_split{split}_p{n}'
