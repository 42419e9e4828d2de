# Linear classifier on the frozen features of the demo's CLIP.
# `make compare-demo` runs it with the other methods: docs/COMPARE.md.
import os

_base_ = 'cite_no-prompt.py'

model = dict(
    neck=None,
    head=dict(
        _delete_=True, type='MyLinearClsHead', num_classes=3, in_channels=128))
work_dir = f"work_dirs/demo/linear_p{os.environ.get('SHOTS', 'all')}"
