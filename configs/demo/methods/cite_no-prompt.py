# The demo's CITE without a visual prompt: neck and text head alone.
# `make compare-demo` runs it with the other methods: docs/COMPARE.md.
import os

_base_ = '../cite_tiny-clip_tiny-bert.py'

data_root = os.environ.get('DEMO_DATA', 'data/demo')
model = dict(
    backbone=dict(
        _delete_=True,
        type='CLIPImageBackbone',
        arch=f'{data_root}/models/tiny_clip.pt'))
work_dir = f"work_dirs/demo/cite_no-prompt_p{os.environ.get('SHOTS', 'all')}"
