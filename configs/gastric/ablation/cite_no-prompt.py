# CITE without a visual prompt: the projection to the texts alone is trained.
# mim train mmcls configs/gastric/ablation/cite_no-prompt.py --seed 0
# Few slides:  SHOTS=4 mim train mmcls configs/gastric/ablation/cite_no-prompt.py
# The 1000 iterations take 4 s on 2 CPU cores on features that `cite extract CONFIG` has
# stored (docs/BENCHMARK.md). Not run here on PatchGastric.
import os

_base_ = '../cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py'

n = os.environ.get('SHOTS', 'all')
run_name = f'cite_no-prompt_p{n}'

model = dict(
    backbone=dict(_delete_=True, type='CLIPImageBackbone', arch='ViT-B/16'))

work_dir = f'work_dirs/gastric_ablation/{run_name}'
