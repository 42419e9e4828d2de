import pytest
import torch
import torch.nn.functional as F

from cite.models.heads.text_buffer_head import cosine_logits

FEATURES = torch.tensor([[3.0, 4.0]])
EMBEDDINGS = torch.tensor([[1.0, 0.0], [0.0, 2.0], [-3.0, -4.0], [-8.0, 6.0]])


def test_hand_worked():
    logits = cosine_logits(FEATURES, EMBEDDINGS, 100.0)
    torch.testing.assert_close(logits, torch.tensor([[60.0, 80.0, -100.0, 0.0]]))


def test_agrees_with_torch():
    torch.manual_seed(0)
    x, w = torch.randn(5, 7), torch.randn(3, 7)
    expected = 10 * F.cosine_similarity(x[:, None], w[None], dim=-1)
    torch.testing.assert_close(cosine_logits(x, w, 10.0), expected)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_fp32_under_autocast_and_for_half_precision_features(dtype):
    torch.manual_seed(0)
    x, w = torch.randn(5, 64).to(dtype), torch.randn(3, 64)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = cosine_logits(x, w, 100.0)
    assert logits.dtype == torch.float32
    assert torch.equal(logits, cosine_logits(x.float(), w, 100.0))


def test_feature_of_length_zero_gives_numbers():
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    logits = cosine_logits(x, EMBEDDINGS, 100.0)
    F.cross_entropy(logits, torch.tensor([0, 1])).backward()
    assert logits[0].tolist() == [0, 0, 0, 0]
    assert x.grad[0].tolist() == [0, 0]
    assert torch.isfinite(x.grad).all()
    assert x.grad[1].abs().sum() > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_half_product_on_a_gpu():
    torch.manual_seed(0)
    x, w = torch.randn(64, 512).cuda(), torch.randn(3, 512).cuda()
    half = cosine_logits(x, w, 100.0, half=True)
    assert half.dtype == torch.float32
    # A cosine below 1 in fp16 is off by at most 2**-11; times 100.
    torch.testing.assert_close(half, cosine_logits(x, w, 100.0), rtol=0, atol=0.06)
