import pytest
import torch
from mmcls.models.builder import MODELS

import cite  # noqa: F401


def encode(seed, texts):
    config = {'type': 'RandomVectors', 'width': 64, 'seed': seed}
    return MODELS.build(config)(texts)


def test_vectors_depend_on_the_seed_and_not_on_the_texts():
    first = encode(0, ['a', 'b', 'c'])
    assert first.shape == (3, 64)
    assert torch.equal(encode(0, ['x', 'y', 'z']), first)
    assert not torch.equal(encode(1, ['a', 'b', 'c']), first)


def test_drawing_them_uses_up_no_random_number_of_the_run():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    encode(0, ['a', 'b'])
    assert torch.equal(torch.rand(2), expected)


def test_a_width_below_1_is_an_error():
    with pytest.raises(ValueError, match='width=0'):
        MODELS.build({'type': 'RandomVectors', 'width': 0})
