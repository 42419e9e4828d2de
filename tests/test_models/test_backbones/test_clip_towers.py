import pytest
import torch
from clip.model import QuickGELU as ClipsQuickGELU
from torch import nn

from cite.models.backbones import clip_towers
from cite.models.backbones.clip_towers import QuickGELU, attend


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


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_attention_in_training_is_that_in_evaluation(layer, dtype):
    """On a CPU bf16 takes another way where it has a backward pass."""
    x = torch.randn(3, 7, 16, requires_grad=True)
    with torch.autocast('cpu', dtype=torch.bfloat16, enabled=dtype != torch.float32):
        trained = attend(layer, x)
        with torch.no_grad():
            evaluated = attend(layer, x)
        reference, _ = layer(x, x, x)
    assert trained.dtype == dtype == evaluated.dtype
    tolerance = {'rtol': 2**-6, 'atol': 2**-6} if dtype != torch.float32 else {}
    torch.testing.assert_close(trained, evaluated, **tolerance)
    (grad,) = torch.autograd.grad(trained.float().sum(), x)
    (expected,) = torch.autograd.grad(reference.float().sum(), x)
    torch.testing.assert_close(grad, expected, **tolerance)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_gelu_has_the_bits_of_clips_own(dtype):
    x = torch.linspace(-20, 20, 10_001).to(dtype)
    wanted = ClipsQuickGELU()(x)
    kept = x.clone()
    assert torch.equal(QuickGELU()(x), wanted)
    assert torch.equal(QuickGELU()(x.requires_grad_()), wanted)
    assert torch.equal(x.detach(), kept)  # nothing is done in place


def test_gelus_gradient_in_bf16_is_rounded_little():
    x = torch.randn(50_000, generator=torch.Generator().manual_seed(0)).bfloat16()
    x.requires_grad_()
    (grad,) = torch.autograd.grad(QuickGELU()(x).sum(), x)
    exact = x.detach().double().requires_grad_()
    (wanted,) = torch.autograd.grad(ClipsQuickGELU()(exact).sum(), exact)
    assert (grad - wanted).norm() < 0.003 * wanted.norm()  # 2^-8 is 0.0039


def test_gelu_has_clips_gradients_and_keeps_one_tensor():
    x = torch.linspace(-9, 9, 101, dtype=torch.float64, requires_grad=True)
    weights = torch.linspace(1, 2, 101, dtype=torch.float64)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda tensor: kept.append(tensor) or tensor, lambda tensor: tensor
    ):
        loss = (QuickGELU()(x)).sum()
    assert len(kept) == 1
    (grad,) = torch.autograd.grad((QuickGELU()(x) * weights).sum(), x)
    (wanted,) = torch.autograd.grad((ClipsQuickGELU()(x) * weights).sum(), x)
    torch.testing.assert_close(grad, wanted)
    # By hand: at 0 the slope is sigmoid(0) = 1/2.
    (slopes,) = torch.autograd.grad(loss, x)
    assert slopes[50].item() == pytest.approx(0.5)
