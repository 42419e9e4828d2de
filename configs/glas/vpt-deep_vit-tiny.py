# Visual prompt tuning, deep: a prompt of its own for each of the twelve blocks.
# SPLIT=0 mim train mmcls configs/glas/vpt-deep_vit-tiny.py --seed 0
# Not run here with this recipe; docs/COMPARE.md has figures with a shorter one.
_base_ = 'vpt_vit-tiny.py'

model = dict(backbone=dict(prompt_layers=list(range(12))))
work_dir = 'work_dirs/glas/vpt-deep_vit-tiny'
