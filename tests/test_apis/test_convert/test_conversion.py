"""The comparison with the model: every kind of fault is listed and refused."""

from pathlib import Path

import pytest
import torch

from cite.apis.convert import Conversion


def conversion(state, expected):
    return Conversion(
        source=Path('in.pth'),
        layout='timm',
        target='a model',
        state=state,
        expected=expected,
        dropped=['head.weight'],
        config={},
        notes=[],
    )


def test_every_name_is_in_one_list():
    compared = conversion(
        {'a': torch.ones(2), 'b': torch.ones(3), 'extra': torch.ones(1)},
        {'a': (2,), 'b': (4,), 'gone': (1,)},
    )
    assert compared.matched == ['a']
    assert compared.missing == ['gone']
    assert compared.unexpected == ['extra']
    assert compared.mismatched == ['b (3,) instead of (4,)']
    lines = compared.listing().split('\n')
    assert lines[1:] == [
        'matched       1  a',
        'missing       1  gone',
        'unexpected    1  extra',
        'mismatched    1  b (3,) instead of (4,)',
        'left out      1  head.weight',
    ]


@pytest.mark.parametrize(
    ('state', 'fault'),
    [
        ({}, r'1 missing \(a\)'),
        ({'a': (2,), 'x': (1,)}, r'1 without a place \(x\)'),
        ({'a': (3,)}, r'1 of another shape \(a \(3,\) instead of \(2,\)\)'),
    ],
)
def test_any_fault_is_refused(state, fault):
    tensors = {name: torch.ones(shape) for name, shape in state.items()}
    with pytest.raises(ValueError, match=fault):
        conversion(tensors, {'a': (2,)}).check()


def test_a_whole_model_passes():
    conversion({'a': torch.ones(2)}, {'a': (2,)}).check()
