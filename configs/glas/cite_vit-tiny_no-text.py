# CITE on ViT-tiny with random class vectors instead of MiniLM's embeddings.
# SPLIT=0 mim train mmcls configs/glas/cite_vit-tiny_no-text.py --seed 0
# Not run here with this recipe; docs/COMPARE.md has figures with a shorter one.
import os

_base_ = 'cite_vit-tiny_minilm.py'

model = dict(
    head=dict(
        text_encoder=dict(_delete_=True, type='RandomVectors', width=384)))
split, n = os.environ.get('SPLIT', '0'), os.environ.get('SHOTS', 'all')
work_dir = f'work_dirs/glas/cite_vit-tiny_no-text_split{split}_p{n}'
