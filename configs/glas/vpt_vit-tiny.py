# Visual prompt tuning (VPT, shallow) of ViT-tiny with a linear classifier.
# SPLIT=0 mim train mmcls configs/glas/vpt_vit-tiny.py --seed 0
# Not run here with this recipe; docs/COMPARE.md has figures with a shorter one.
_base_ = 'linear_vit-tiny.py'

model = dict(backbone=dict(prompt_length=1, prompt_init='normal'))
work_dir = 'work_dirs/glas/vpt_vit-tiny'
