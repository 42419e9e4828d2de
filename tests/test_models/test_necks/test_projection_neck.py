import logging
import logging.handlers

import pytest
import torch
from mmcls.models.builder import build_neck
from torch import nn

from cite.models import precision
from cite.models.necks import ProjectionNeck


def test_keys_and_output_are_those_of_a_linear_layer():
    torch.manual_seed(0)
    neck = build_neck({'type': 'ProjectionNeck', 'in_features': 4, 'out_features': 3})
    torch.manual_seed(0)
    linear = nn.Linear(4, 3)
    x = torch.randn(2, 4)
    assert list(neck.state_dict()) == ['weight', 'bias']
    assert torch.equal(neck(x), linear(x))


def test_no_bias():
    assert list(ProjectionNeck(4, 3, bias=False).state_dict()) == ['weight']


@pytest.mark.parametrize('shape', [(3, 5), (5, 3), (4, 4)])
def test_identity_keeps_what_fits(shape):
    neck = ProjectionNeck(*shape, init='identity', bias=False)
    x = torch.arange(1.0, shape[0] + 1).unsqueeze(0)
    expected = torch.zeros(1, shape[1])
    width = min(shape)
    expected[:, :width] = x[:, :width]
    assert torch.equal(neck(x), expected)


@pytest.mark.parametrize('shape', [(400, 300), (300, 400)])
def test_normal_has_std_002(shape):
    torch.manual_seed(0)
    weight = ProjectionNeck(*shape, init='normal').weight
    # 120,000 draws: the standard error of the std is 0.00004, of the mean 0.00006.
    assert abs(weight.std().item() - 0.02) < 0.0002
    assert abs(weight.mean().item()) < 0.0003


@pytest.mark.parametrize('shape', [(512, 1024), (1024, 512)])
def test_normal_identity_is_normal_plus_identity(shape):
    torch.manual_seed(0)
    weight = ProjectionNeck(*shape, init='normal_identity').weight.detach()
    rest = weight - torch.eye(*weight.shape)
    diagonal = weight.diagonal()
    assert abs(rest.std().item() - 0.02) < 0.0001
    # 512 draws around one: the standard error of the mean is 0.0009.
    assert abs(diagonal.mean().item() - 1) < 0.004
    assert rest.abs().max() < 0.13


@pytest.mark.parametrize('init', ['identity', 'normal', 'normal_identity'])
def test_bias_is_drawn_as_ever(init):
    torch.manual_seed(0)
    neck = ProjectionNeck(4, 3, init=init)
    torch.manual_seed(0)
    assert torch.equal(neck.bias, nn.Linear(4, 3).bias)


def test_activations_before_and_after():
    neck = ProjectionNeck(
        2, 2, bias=False, init='identity', act_before='ReLU', act_after='Tanh'
    )
    assert list(neck.state_dict()) == ['weight']
    out = neck(torch.tensor([[-1.0, 0.5]]))
    torch.testing.assert_close(out, torch.tensor([[0.0, 0.46211716]]))


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'init': 'xavier'}, r"init is 'xavier'.*normal_identity"),
        ({'act_before': 'Relu'}, r"act_before is 'Relu'.*'ReLU'"),
        ({'act_after': 'MultiheadAttention'}, r"act_after is 'Multihead.*'GELU'"),
    ],
)
def test_unknown_names_are_told_what_there_is(arguments, message):
    with pytest.raises(ValueError, match=message):
        ProjectionNeck(4, 3, **arguments)


def test_takes_what_backbones_return():
    neck = ProjectionNeck(4, 3)
    x, other, patches = torch.randn(2, 4), torch.randn(2, 4), torch.randn(2, 4, 7, 7)
    expected = neck(x)
    for features in ((other, x), [patches, x], ([patches, other], [patches, x])):
        assert torch.equal(neck(features), expected)


def test_feature_map_is_refused():
    with pytest.raises(ValueError, match=r'\(2, 4, 7, 7\).*GlobalAveragePooling'):
        ProjectionNeck(4, 3)(torch.randn(2, 4, 7, 7))


def test_wrong_width_is_told_with_both_numbers():
    with pytest.raises(
        ValueError, match=r'are 5 wide, the neck takes 4.*in_features=5'
    ):
        ProjectionNeck(4, 3)(torch.randn(2, 5))


def test_fix_freezes():
    assert not any(p.requires_grad for p in ProjectionNeck(4, 3, fix=True).parameters())
    assert all(p.requires_grad for p in ProjectionNeck(4, 3).parameters())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_features_on_a_cpu(dtype):
    neck = ProjectionNeck(4, 3, float16=True)
    x = torch.randn(2, 4).to(dtype)
    out = neck(x)
    assert out.dtype == torch.float32
    assert torch.equal(out, neck(x.float()))
    assert {p.dtype for p in neck.parameters()} == {torch.float32}


def test_surrounding_autocast_is_followed():
    neck = ProjectionNeck(4, 3, float16=True)
    x = torch.randn(2, 4)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        out = neck(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), neck(x), rtol=0.02, atol=0.02)


def test_cpu_says_once_that_float16_is_ignored():
    precision._say_ignored.cache_clear()
    logger = logging.getLogger('mmcls')
    handler = logging.handlers.BufferingHandler(capacity=100)
    logger.addHandler(handler)
    try:
        for _ in range(2):
            ProjectionNeck(4, 3, float16=True)(torch.randn(2, 4))
            ProjectionNeck(4, 3)(torch.randn(2, 4))
    finally:
        logger.removeHandler(handler)
    (line,) = [record.getMessage() for record in handler.buffer]
    assert 'float16=True' in line
    assert 'CPU' in line


def test_released_half_precision_neck_loads():
    torch.manual_seed(0)
    released = {'weight': torch.randn(3, 4).half(), 'bias': torch.randn(3).half()}
    neck = ProjectionNeck(4, 3, float16=True)
    neck.load_state_dict(released)
    assert neck.weight.dtype == torch.float32
    assert torch.equal(neck.weight, released['weight'].float())


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_float16_on_a_gpu():
    neck = ProjectionNeck(64, 32, float16=True).cuda()
    x = torch.randn(8, 64, device='cuda')
    out = neck(x)
    out.float().sum().backward()
    assert out.dtype == torch.float16
    assert neck.weight.grad.dtype == torch.float32
    with torch.autocast('cuda', dtype=torch.bfloat16):
        assert neck(x).dtype == torch.bfloat16
