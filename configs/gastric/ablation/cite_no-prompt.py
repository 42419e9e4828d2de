# CITE without a visual prompt: the projection to the texts alone is trained.
# Few slides:  SHOTS=4 mim train mmcls configs/gastric/ablation/cite_no-prompt.py
import os

_base_ = '../cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py'

n = os.environ.get('SHOTS', 'all')
run_name = f'cite_no-prompt_p{n}'

model = dict(
    backbone=dict(_delete_=True, type='CLIPImageBackbone', arch='ViT-B/16'))

work_dir = f'work_dirs/gastric_ablation/{run_name}'
