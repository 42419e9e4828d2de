# The demo's CITE with random class vectors instead of the texts' embeddings.
# `make compare-demo` runs it with the other methods: docs/COMPARE.md.
import os

_base_ = '../cite_tiny-clip_tiny-bert.py'

model = dict(
    head=dict(
        text_encoder=dict(_delete_=True, type='RandomVectors', width=192)))
work_dir = f"work_dirs/demo/cite_no-text_p{os.environ.get('SHOTS', 'all')}"
