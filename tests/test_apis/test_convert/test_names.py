"""Operations on names, with hand-worked results."""

import pytest
import torch

from cite.apis.convert.names import collapse, fuse_qkv, rename, tensors_of, without


def test_fused_rows_are_query_then_key_then_value():
    state = {
        'b.0.value.bias': torch.tensor([5.0, 6.0]),
        'b.0.query.bias': torch.tensor([1.0, 2.0]),
        'b.0.key.bias': torch.tensor([3.0, 4.0]),
    }
    fused = fuse_qkv(state, ('query', 'key', 'value'), '.qkv.')
    assert list(fused) == ['b.0.qkv.bias']
    assert fused['b.0.qkv.bias'].tolist() == [1, 2, 3, 4, 5, 6]


def test_incomplete_triples_stay_for_the_target_to_refuse():
    state = {'a.query.bias': torch.ones(1), 'a.key.bias': torch.ones(1)}
    assert set(fuse_qkv(state, ('query', 'key', 'value'), '.qkv.')) == set(state)


def test_two_tensors_under_one_name_are_an_error():
    state = {'module.a': torch.ones(1), 'a': torch.zeros(1)}
    with pytest.raises(ValueError, match='both called a'):
        rename(state, [('^module.', '')])


def test_tensors_below_the_first_wrapper_only():
    inner = {'x': torch.ones(1), 'epoch': 3}
    content = {'model': inner, 'y': torch.ones(1)}
    assert set(tensors_of(content, 'state_dict', 'model')) == {'x'}
    assert set(tensors_of(content)) == {'y'}


def test_without():
    state = {'head.w': torch.ones(1), 'heads': torch.ones(1), 'x.head.w': torch.ones(1)}
    kept, dropped = without(state, ('head.',))
    assert set(kept) == {'heads', 'x.head.w'}
    assert dropped == ['head.w']


def test_collapse_counts_blocks():
    names = ['cls', 'blocks.0.ln1.w', 'blocks.11.ln1.w', 'blocks.0.ffn.layers.0.0.w']
    expected = 'cls, 2x blocks.*.ln1.w, blocks.*.ffn.layers.0.0.w'
    assert collapse(names) == expected
    assert collapse(names, limit=1) == 'cls, …'
    assert collapse(['Transformer/encoderblock_3/x']) == 'Transformer/encoderblock_*/x'
