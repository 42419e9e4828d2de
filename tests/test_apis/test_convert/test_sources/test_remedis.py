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


@pytest.mark.parametrize('names', ['proj', 'twelve'])
def test_numbered_variables_without_scopes(
    tmp_path, randomised, convert, built, assert_same, names
):
    """TensorFlow 2 names 151 variables in a dozen ways; numbers keep their order."""
    model = build('50x1', randomised)
    arrays = {}
    for name, array in sorted(variables(model, '').items(), key=order_of_creation):
        if name.startswith(('head', 'global_step')):
            continue
        short = re.sub(r'^block\d+/unit\d+/', '', name)
        if names == 'twelve':
            short = short.replace('a/proj/', 'a/').replace('root_block/', '')
        arrays[f'{len(arrays):03d}/{short}:0'] = array
    assert len(arrays) == 151
    assert len({name[4:] for name in arrays}) == (12 if names == 'twelve' else 13)
    np.savez(tmp_path / 'remedis.npz', **arrays)
    conversion = convert(tmp_path / 'remedis.npz')
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = model(images).pooler_output.flatten(1)
        assert_same(built(conversion)(images), wanted)


def order_of_creation(item):
    """Root, units in turn with each norm before its convolution, last norm."""
    name = item[0]
    found = re.match(r'block(\d)/unit(\d+)/([abc])/(proj)?', name)
    if not found:
        return (9 if name.startswith('group_norm') else 0, name)
    block, unit, letter, proj = found.groups()
    step = 0 if 'group_norm' in name else 1 if proj else 2
    return (int(block), int(unit), letter, step, name)
