import pytest
import torch
from torch import nn

from cite.models.backbones import clip_towers
from cite.models.backbones.clip_towers import attend


@pytest.fixture
def layer():
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(16, 4, batch_first=True)
    nn.init.normal_(layer.in_proj_bias)
    nn.init.normal_(layer.out_proj.bias)
    return layer.eval()


@pytest.mark.parametrize('fused', [True, False])
def test_it_is_torchs_attention(layer, fused, monkeypatch):
    if fused and not clip_towers._FUSED:
        pytest.skip('torch before 2.0 has no fused attention')
    monkeypatch.setattr(clip_towers, '_FUSED', fused)
    x = torch.randn(3, 7, 16, requires_grad=True)
    expected, _ = layer(x, x, x)
    whole, first = attend(layer, x), attend(layer, x, first_only=True)
    torch.testing.assert_close(whole, expected)
    torch.testing.assert_close(first, expected[:, :1])
    (expected_grad,) = torch.autograd.grad(expected[:, 0].sum(), x)
    (grad,) = torch.autograd.grad(first.sum(), x)
    torch.testing.assert_close(grad, expected_grad)
