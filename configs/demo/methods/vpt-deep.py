# Visual prompt tuning, deep: a prompt of its own for each block.
# `make compare-demo` runs it with the other methods: docs/COMPARE.md.
import os

_base_ = 'vpt.py'

model = dict(backbone=dict(prompt_layers=[0, 1]))
work_dir = f"work_dirs/demo/vpt-deep_p{os.environ.get('SHOTS', 'all')}"
