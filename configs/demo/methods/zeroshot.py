# The demo's CLIP, zero-shot; its weights are random, so expect chance.
# `make compare-demo` runs it with the other methods: docs/COMPARE.md.
import os

_base_ = 'cite_no-prompt.py'

data_root = os.environ.get('DEMO_DATA', 'data/demo')
model = dict(
    neck=None,
    head=dict(
        _delete_=True,
        type='CLIPTextHead',
        arch=f'{data_root}/models/tiny_clip.pt',
        texts={{_base_.TEXTS}}))
work_dir = 'work_dirs/demo/zeroshot'
