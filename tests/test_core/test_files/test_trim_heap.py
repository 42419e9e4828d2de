"""Freed memory goes back to the system once a model has been built."""

import ctypes
import sys

import pytest
from commands import run

# Blocks too small for separate mappings; the last one keeps the heap from shrinking.
CODE = """
from mmcls.models import build_classifier
import cite

def resident():
    with open('/proc/self/statm') as file:
        return int(file.read().split()[1]) * 4096 / 1e6

blocks = [bytearray(100_000) for _ in range(2000)]  # 200 MB
del blocks[:-1]
before = resident()
head = dict(type='MyLinearClsHead', num_classes=3, in_channels=8)
model = build_classifier(
    dict(type='CITEClassifier', backbone=dict(type='FeatureBackbone'), head=head)
)
print('given back:', int(before - resident()))
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), 'malloc_trim'),
    reason="needs glibc's malloc_trim",
)
def test_what_was_freed_before_a_model_was_whole_is_given_back():
    output = run(sys.executable, '-c', CODE)

    assert int(output.split('given back:')[1].split()[0]) > 150
