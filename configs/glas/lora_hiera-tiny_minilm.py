# CITE with LoRA in the attention of Hiera-tiny.
# SPLIT=0 mim train mmcls configs/glas/lora_hiera-tiny_minilm.py --seed 0
# Expect 43.0 ± 17.5 % of the fields (five splits, README.md in this folder).
import os

_base_ = 'cite_hiera-tiny_minilm.py'
model = dict(backbone=dict(lora=dict(r=8)))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/lora_hiera-tiny_minilm_split{split}_p{n}'
