"""REMEDIS: transformers' BiT is the reference, its weights under TensorFlow's names."""

import re

import numpy as np
import pytest
import torch
from published_bit import build, variables


@pytest.mark.parametrize(
    ('size', 'prefix'),
    [
        ('50x1', ''),
        ('50x1', 'module/base_model/resnet/'),
        pytest.param('152x2', '', marks=pytest.mark.long),
    ],
)
def test_features(tmp_path, randomised, convert, built, assert_same, size, prefix):
    model = build(size, randomised)
    np.savez(tmp_path / 'remedis.npz', **variables(model, prefix))
    conversion = convert(tmp_path / 'remedis.npz')
    assert conversion.layout == 'BiT (TensorFlow)'
    assert conversion.config['model_name'] == f'remedis_{size}'
    assert len(conversion.dropped) == 2
    # The published graph takes pixels x from 0 to 1 and turns them into 2x - 1.
    assert conversion.stats.mean == conversion.stats.std == (0.5, 0.5, 0.5)
    images = torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = model(images).pooler_output.flatten(1)
        assert_same(built(conversion)(images), wanted)


def test_a_unit_that_is_missing_is_named(tmp_path, randomised, convert):
    arrays = variables(build('50x1', randomised), '')
    del arrays['block2/unit02/b/group_norm/beta']
    np.savez(tmp_path / 'remedis.npz', **arrays)
    with pytest.raises(ValueError, match=r'1 missing \(stages.*norm2\.bias'):
        convert(tmp_path / 'remedis.npz')


def numbered(model, rename, order):
    """Number BiT's variables in an order, under names that tell less or nothing."""
    arrays = {}
    for name, array in sorted(variables(model, '').items(), key=order):
        if not name.startswith(('head', 'global_step')):
            arrays[f'{len(arrays):03d}/{rename(name)}:0'] = array
    assert len(arrays) == 151
    return arrays


def without_scopes(name):
    return re.sub(r'^block\d+/unit\d+/', '', name)


def keras_names(name):
    """TensorFlow 2.15 names kernels of part a whole, and all else without its part."""
    if re.search(r'/a/(proj/)?standardized', name):
        return name
    return name.split('/', name.count('/') - 1)[-1]


def twelve_names(name):
    return without_scopes(name).replace('a/proj/', 'a/').replace('root_block/', '')


def order_of_creation(item):
    """Root, units in turn with each norm before its convolution, last norm."""
    name = item[0]
    found = re.match(r'block(\d)/unit(\d+)/([abc])/(proj)?', name)
    if not found:
        return (9 if name.startswith('group_norm') else 0, name)
    block, unit, letter, proj = found.groups()
    step = 0 if 'group_norm' in name else 1 if proj else 2
    return (int(block), int(unit), letter, step, name)


def projection_last(item):
    """As Keras does where a unit makes its projection when it is first called."""
    key = order_of_creation(item)
    return (*key[:2], 'd', *key[3:]) if 'proj' in item[0] else key


def root_last(item):
    """As tf.Module sorts a network's attributes: blocks, last norm, root."""
    key = order_of_creation(item)
    return (10, *key[1:]) if item[0].startswith('root') else key


@pytest.mark.parametrize(
    ('rename', 'order', 'count'),
    [
        (without_scopes, order_of_creation, 13),
        (twelve_names, order_of_creation, 12),
        (keras_names, projection_last, 23),
        (keras_names, root_last, 23),
        (lambda name: name.rsplit('/', 1)[-1], projection_last, 3),
        (str, order_of_creation, 151),
    ],
)
def test_numbered_variables(
    tmp_path, randomised, convert, built, assert_same, rename, order, count
):
    """TensorFlow 2 gives 151 variables few names; their order and shapes tell them."""
    model = build('50x1', randomised)
    arrays = numbered(model, rename, order)
    assert len({name[4:] for name in arrays}) == count
    np.savez(tmp_path / 'remedis.npz', **arrays)
    conversion = convert(tmp_path / 'remedis.npz', layout='remedis')
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = model(images).pooler_output.flatten(1)
        assert_same(built(conversion)(images), wanted)


def test_an_order_that_bit_cannot_have(tmp_path, randomised, convert):
    arrays = numbered(
        build('50x1', randomised), twelve_names, lambda item: item[0][::-1]
    )
    np.savez(tmp_path / 'remedis.npz', **arrays)
    with pytest.raises(ValueError, match=r'not in the order.*too many in its unit'):
        convert(tmp_path / 'remedis.npz', layout='remedis')
