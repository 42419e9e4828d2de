# CITE with random class vectors, as wide as BioLinkBERT-large's, in place of the texts.
# mim train mmcls configs/gastric/ablation/cite_no-text.py --seed 0
# Few slides:  SHOTS=4 mim train mmcls configs/gastric/ablation/cite_no-text.py
# Another draw of the vectors: --cfg-options model.head.text_encoder.seed=1
# Expect the time of configs/gastric/cite. Not run here on PatchGastric.
import os

_base_ = '../cite/clip-vitb16_biolinkbert-l_cb_bs128_i1000.py'

n = os.environ.get('SHOTS', 'all')
run_name = f'cite_no-text_p{n}'

model = dict(
    head=dict(
        text_encoder=dict(_delete_=True, type='RandomVectors', width=1024)))

work_dir = f'work_dirs/gastric_ablation/{run_name}'
