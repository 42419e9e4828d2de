# CITE on a plain ViT-tiny with a visual prompt of its own in each of the twelve blocks.
# SPLIT=0 mim train mmcls configs/glas/cite-deep_vit-tiny_minilm.py --seed 0
# Expect 60.3 ± 14.3 % of the fields (five splits, README.md in this folder).
import os

_base_ = 'cite_vit-tiny_minilm.py'
model = dict(backbone=dict(prompt_layers=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/cite-deep_vit-tiny_minilm_split{split}_p{n}'
