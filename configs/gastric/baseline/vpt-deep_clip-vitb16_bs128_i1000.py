# Visual prompt tuning (VPT, deep): a prompt of its own for each of the twelve blocks.
# mim train mmcls configs/gastric/baseline/vpt-deep_clip-vitb16_bs128_i1000.py --seed 0
# Few slides:  SHOTS=4 mim train mmcls configs/gastric/baseline/vpt-deep_clip-vitb16_bs128_i1000.py
# Not run here on PatchGastric.
import os

_base_ = 'vpt_clip-vitb16_bs128_i1000.py'

lr = 1e-2
n = os.environ.get('SHOTS', 'all')
run_name = f'vpt-deep_clip-vitb16_vpl1_p{n}_bs128_i1000_lr{lr}'

model = dict(backbone=dict(prompt_layers=list(range(12))))

work_dir = f'work_dirs/gastric_baseline/{run_name}'
