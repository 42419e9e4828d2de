# Visual prompt tuning, shallow, of the demo's CLIP with a linear classifier.
# `make compare-demo` runs it with the other methods: docs/COMPARE.md.
import os

_base_ = '../cite_tiny-clip_tiny-bert.py'

model = dict(
    backbone=dict(prompt_init='normal'),
    neck=None,
    head=dict(
        _delete_=True, type='MyLinearClsHead', num_classes=3, in_channels=128))
work_dir = f"work_dirs/demo/vpt_p{os.environ.get('SHOTS', 'all')}"
