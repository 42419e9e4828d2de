"""CITE on bags: what pooling does to a slide, and what the head trains."""

import pytest
import torch
from mmcls.models import build_classifier, build_head
from torch.nn import functional as F

import cite  # noqa: F401
from cite.models.heads.text_pooling import TextPooling


def head(**changes):
    return build_head(
        {
            'type': 'TextMILHead',
            'in_features': 6,
            'texts': ['one', 'two', 'three'],
            'temperature': 3.0,
            'text_encoder': {'type': 'RandomVectors', 'width': 6},
            **changes,
        }
    )


@pytest.fixture
def bag():
    return torch.randn(5, 6, generator=torch.Generator().manual_seed(0))


def trained(pooling):
    """Give the pooling an attention that is not flat."""
    with torch.no_grad():
        pooling.beta.fill_(0.7)
        pooling.proj.weight.add_(0.1)
        if pooling.salience is not None:
            pooling.salience.weight.fill_(0.5)
    return pooling


@pytest.mark.parametrize('prior', [False, True])
def test_order_copies_and_fillings_of_patches_change_nothing(bag, prior):
    pooling, texts = trained(TextPooling(6, 6, prior)), F.normalize(torch.eye(3, 6))
    expected = pooling(bag[None], texts, 20.0)
    order = torch.tensor([3, 1, 4, 0, 2])
    filled = torch.cat([bag, torch.zeros(4, 6)])
    for other in (bag[order], torch.cat([bag, bag]), filled, 3 * bag):
        torch.testing.assert_close(pooling(other[None], texts, 20.0), expected)


def test_attention_is_its_formula(bag):
    pooling, texts = trained(TextPooling(6, 6)), F.normalize(torch.eye(3, 6))
    found = pooling(bag[None], texts, 20.0)[0]
    u = [pooling.proj.weight @ (f / f.norm()) for f in bag]
    for k, t in enumerate(texts):
        weights = [torch.exp(20 * 0.7 * (v @ t) / v.norm()) for v in u]
        z = sum(w * v for w, v in zip(weights, u)) / sum(weights)
        torch.testing.assert_close(found[k], 20 * (z @ t) / z.norm())


def test_a_large_beta_is_the_patch_most_like_the_text(bag):
    pooling, texts = TextPooling(6, 6), F.normalize(torch.eye(3, 6))
    with torch.no_grad():
        pooling.beta.fill_(1000.0)
    cosines = F.normalize(bag, dim=1) @ texts.t()
    found = pooling(bag[None], texts, 20.0)[0]
    torch.testing.assert_close(found, 20 * cosines.max(0).values, rtol=1e-3, atol=1e-3)


def test_an_untrained_head_is_the_zero_shot_mean(bag):
    model = head()
    texts = F.normalize(model.encode_texts(), dim=1)
    mean = F.normalize(F.normalize(bag, dim=1).mean(0), dim=0)
    expected = torch.exp(torch.tensor(3.0)) * mean @ texts.t()
    torch.testing.assert_close(model(bag)[0], expected)


def test_the_loss_holds_the_projection_near_its_start(bag):
    model = head(decay=2.0)
    bags, labels = bag[None].repeat(2, 1, 1), torch.tensor([0, 2])
    before = model.forward_train(bags, labels)
    assert float(before['loss_drift']) == 0
    with torch.no_grad():
        model.pooling.proj.weight[1, 2] += 0.5
    assert float(model.forward_train(bags, labels)['loss_drift']) == pytest.approx(0.5)


def test_a_classifier_takes_bags_and_learns(bag):
    torch.manual_seed(0)
    model = build_classifier(
        {
            'type': 'CITEClassifier',
            'precision': 'fp32',
            'backbone': {'type': 'FeatureBackbone', 'in_features': 6},
            'head': {
                'type': 'TextMILHead',
                'in_features': 6,
                'texts': ['one', 'two', 'three'],
                'temperature': 3.0,
                'text_encoder': {'type': 'RandomVectors', 'width': 9},
            },
        }
    )
    bags = torch.randn(6, 5, 6) + torch.eye(3, 6).repeat(2, 1)[:, None]
    labels = torch.arange(3).repeat(2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        losses.append(model.forward_train(bags, labels)['loss'])
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]
    with torch.no_grad():
        together = model.eval().simple_test(bags)
        assert [int(s.argmax()) for s in together] == labels.tolist()


def test_features_of_another_width_are_refused():
    with pytest.raises(ValueError, match='4 wide, the head takes 6'):
        head()(torch.zeros(2, 3, 4))


@pytest.mark.parametrize('prior', [False, True])
def test_attention_can_leave_its_start(bag, prior):
    """The gradient of beta at 0 is what finite differences give from above."""
    pooling, texts = TextPooling(6, 6, prior).double(), F.normalize(torch.eye(3, 6))
    texts, bags = texts.double(), bag.double()[None]

    def loss():
        return F.cross_entropy(pooling(bags, texts, 20.0), torch.tensor([1]))

    loss().backward()
    before, step = loss().item(), 1e-6
    with torch.no_grad():
        pooling.beta += step
    rate = (loss().item() - before) / step
    assert abs(rate) > 1e-3
    assert pooling.beta.grad.item() == pytest.approx(rate, rel=1e-3)
