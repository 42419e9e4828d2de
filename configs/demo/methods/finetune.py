# The demo's CLIP, fine-tuned whole at a thirtieth of the others' rate.
# `make compare-demo` runs it with the other methods: docs/COMPARE.md.
import os

_base_ = 'linear.py'

lr = 0.001
model = dict(backbone=dict(fix=False))
optimizer = dict(lr=lr)
work_dir = f"work_dirs/demo/finetune_p{os.environ.get('SHOTS', 'all')}"
