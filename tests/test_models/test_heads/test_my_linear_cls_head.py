import pytest
import torch
import torch.nn.functional as F
from mmcls.models.builder import build_head
from mmcls.models.heads import LinearClsHead

import cite.models.heads  # noqa: F401

CONFIG = {'type': 'MyLinearClsHead', 'num_classes': 3, 'in_channels': 4, 'topk': (1, 2)}


@pytest.fixture
def head():
    torch.manual_seed(0)
    head = build_head(CONFIG)
    head.init_weights()
    return head


@pytest.fixture
def theirs(head):
    """mmcls' own head with the same weights."""
    theirs = LinearClsHead(num_classes=3, in_channels=4, topk=(1, 2))
    theirs.load_state_dict(head.state_dict())
    return theirs


def test_same_keys_loss_and_scores_as_mmcls(head, theirs):
    x, gt_label = torch.randn(5, 4), torch.tensor([0, 1, 2, 1, 0])
    assert list(head.state_dict()) == ['fc.weight', 'fc.bias']
    ours = head.forward_train(x, gt_label)['loss']
    expected = F.cross_entropy(x @ head.fc.weight.t() + head.fc.bias, gt_label)
    torch.testing.assert_close(ours, expected)
    assert torch.equal(ours, theirs.forward_train(x, gt_label)['loss'])
    for arguments in ({}, {'softmax': False}, {'softmax': True}):
        arguments['post_process'] = False
        assert torch.equal(
            head.simple_test(x, **arguments), theirs.simple_test(x, **arguments)
        )
    scores = head.simple_test(x)
    assert isinstance(scores, list)
    assert scores[0].shape == (3,)


def test_initialised_as_in_mmcls(head):
    assert head.fc.bias.abs().max() == 0
    assert 0 < head.fc.weight.abs().max() < 0.05  # normal, std 0.01


def test_takes_what_backbones_return(head):
    x, other, patches = torch.randn(2, 4), torch.randn(2, 4), torch.randn(2, 4, 7, 7)
    for features in ((other, x), [patches, x], ([patches, other], [patches, x])):
        assert torch.equal(head(features), head(x))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_features_on_a_cpu(head, dtype):
    x, gt_label = torch.randn(2, 4).to(dtype), torch.tensor([0, 2])
    loss = head.forward_train(x, gt_label)['loss']
    loss.backward()
    assert loss.dtype == torch.float32
    assert head.fc.weight.grad.dtype == torch.float32
    assert torch.equal(head(x), head(x.float()))


def test_autocast_reaches_the_product_but_not_the_loss(head):
    x, gt_label = torch.randn(2, 4), torch.tensor([0, 2])
    with torch.autocast('cpu', dtype=torch.bfloat16):
        logits = head(x)
        loss = head.forward_train(x, gt_label)['loss']
    assert logits.dtype == loss.dtype == torch.float32
    assert not torch.equal(logits, head(x))  # rounded to bf16 on the way
    torch.testing.assert_close(logits, head(x), rtol=0.02, atol=0.02)


def test_released_half_precision_weights_load(head):
    released = {'fc.weight': torch.randn(3, 4).half(), 'fc.bias': torch.ones(3).half()}
    head.load_state_dict(released)
    assert head.fc.weight.dtype == torch.float32
    assert torch.equal(head.fc.weight, released['fc.weight'].float())


def test_wrong_width_is_told_with_both_numbers(head):
    with pytest.raises(ValueError, match=r'are 5 wide, the head takes 4'):
        head(torch.randn(2, 5))
