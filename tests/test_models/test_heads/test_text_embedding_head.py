import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmcls.models.builder import build_classifier, build_head

import cite.models.heads
import cite.models.necks  # noqa: F401

TEXTS = ['well', 'moderately', 'poorly']
EMBEDDINGS = np.array([[1, 0], [0, 2], [-3, -4]], dtype=np.float32)


@pytest.fixture
def config(tmp_path):
    np.save(tmp_path / 'texts.npy', EMBEDDINGS)
    return {
        'type': 'TextEmbeddingHead',
        'texts': TEXTS,
        'text_encoder': {
            'type': 'BERT',
            'text_feature_file': str(tmp_path / 'texts.npy'),
        },
    }


def test_logits_are_scaled_cosines(config):
    head = build_head({**config, 'temperature': 4.6052})
    # cos = 0.6, 0.8, -1, and exp(4.6052) = 100.003.
    expected = torch.tensor([[60.0018, 80.0024, -100.0030]])
    torch.testing.assert_close(
        head(torch.tensor([[3.0, 4.0]])), expected, rtol=1e-5, atol=1e-4
    )


def test_default_temperature_is_one(config):
    logits = build_head(config)(torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(logits, math.e * torch.tensor([[1.0, 0.0, -0.6]]))


def test_loss_and_scores(config):
    torch.manual_seed(0)
    head = build_head({**config, 'topk': (1, 2), 'cal_acc': True})
    x, gt_label = torch.randn(5, 2), torch.tensor([0, 1, 2, 1, 0])
    logits = head(x)
    losses = head.forward_train(x, gt_label)
    torch.testing.assert_close(losses['loss'], F.cross_entropy(logits, gt_label))
    hits = (logits.argmax(dim=1) == gt_label).float().mean() * 100
    assert float(losses['accuracy']['top-1']) == pytest.approx(float(hits))
    assert torch.equal(head.simple_test(x, softmax=False, post_process=False), logits)
    scores = np.stack(head.simple_test(x))
    np.testing.assert_allclose(scores, logits.softmax(dim=1).numpy(), rtol=1e-6)


def test_takes_what_backbones_return(config):
    head = build_head(config)
    x, patches = torch.randn(2, 2), torch.randn(2, 2, 7, 7)
    for features in ((patches, x), [patches, x], (patches, [patches, x])):
        assert torch.equal(head(features), head(x))
        assert torch.equal(head.pre_logits(features), x)


def test_fixed_temperature_is_no_state(config):
    head = build_head(config)
    assert dict(head.named_parameters()) == {}
    assert head.state_dict() == {}


def test_learnable_temperature(config):
    head = build_head({**config, 'learnable_t': True, 'temperature': 0.5})
    assert list(head.state_dict()) == ['temperature']
    assert head.temperature.shape == ()
    x, gt_label = torch.tensor([[3.0, 4.0]]), torch.tensor([0])
    head.forward_train(x, gt_label)['loss'].backward()
    # d loss / d t = sum_k (p_k - y_k) * logit_k
    logits = math.exp(0.5) * torch.tensor([0.6, 0.8, -1.0])
    expected = (logits.softmax(0) - torch.tensor([1.0, 0, 0])) @ logits
    torch.testing.assert_close(head.temperature.grad, expected)


def test_released_half_precision_temperature_loads(config):
    head = build_head({**config, 'learnable_t': True})
    head.load_state_dict({'temperature': torch.tensor(4.605).half()})
    assert head.temperature.dtype == torch.float32
    assert float(head.temperature.detach()) == pytest.approx(4.605, abs=2e-3)


def test_half_precision_and_autocast_on_a_cpu(config):
    head = build_head({**config, 'float16': True, 'learnable_t': True})
    x, gt_label = torch.randn(4, 2).half(), torch.tensor([0, 1, 2, 0])
    plain = head.forward_train(x.float(), gt_label)['loss']
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = head.forward_train(x, gt_label)['loss']
    loss.backward()
    assert loss.dtype == head.temperature.grad.dtype == torch.float32
    assert torch.equal(loss, plain)


def test_texts_are_encoded_at_first_need_and_once(config):
    head = build_head(config)
    assert head.text_embeddings is None
    head(torch.randn(1, 2))
    first = head.text_embeddings
    np.testing.assert_array_equal(first.numpy(), EMBEDDINGS)  # not normalised
    head(torch.randn(1, 2))
    assert head.encode_texts() is first


def test_embeddings_follow_the_module(config):
    head = build_head(config)
    head.encode_texts()
    assert head.double().text_embeddings.dtype == torch.float64
    assert head.to('meta').text_embeddings.device.type == 'meta'


def test_training_after_an_evaluation_in_inference_mode(config):
    head = build_head(config)
    with torch.inference_mode():
        head.simple_test(torch.randn(2, 2))
    x = torch.randn(2, 2, requires_grad=True)
    head.forward_train(x, torch.tensor([0, 1]))['loss'].backward()
    assert x.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ('texts', 'message'),
    [
        ([], r'texts is \[\].*one text per class'),
        ('well', r"texts is 'well'.*one text per class"),
        (['well', 'poorly', 'well'], r"texts\[2\] repeats 'well'"),
        (['well', 3], r'texts\[1\] is 3'),
        (['well', ' '], r"texts\[1\] is ' '"),
    ],
)
def test_bad_texts(config, texts, message):
    with pytest.raises(ValueError, match=message):
        build_head({**config, 'texts': texts})


def test_wrong_width_is_told_with_both_numbers_and_both_keys(config):
    message = (
        r'features are 5 wide, the text embeddings 2\. Set model\.neck\.out_features=2'
        r'.*model\.head\.text_encoder\.model'
    )
    with pytest.raises(ValueError, match=message):
        build_head(config)(torch.randn(1, 5))


def test_label_without_a_text(config):
    head = build_head(config)
    with pytest.raises(ValueError, match=r'label is 3.*has 3 texts, for labels 0 to 2'):
        head.forward_train(torch.randn(2, 2), torch.tensor([0, 3]))


def test_number_of_classes_is_the_number_of_texts(config):
    assert build_head(config).num_classes == 3


class _WholeBERT(torch.nn.Module):
    """A text encoder of the user's own, as the release would take it."""

    def __init__(self):
        super().__init__()
        self.vectors = torch.nn.Parameter(torch.from_numpy(EMBEDDINGS).half())

    def forward(self, texts):
        return self.vectors[: len(texts)]


def test_text_encoder_is_no_part_of_the_model(config):
    from mmcls.models.builder import MODELS

    MODELS.register_module(name='_WholeBERT', module=_WholeBERT, force=True)
    head = build_head({**config, 'text_encoder': {'type': '_WholeBERT'}})
    head(torch.randn(1, 2))
    assert sorted(head.state_dict()) == ['text_embeddings', 'text_source']
    assert head.text_embeddings.dtype == torch.float32
    assert not head.text_embeddings.requires_grad
    with pytest.raises(ValueError, match=r'made \(3, 2\) of 4 texts'):
        build_head(
            {**config, 'texts': [*TEXTS, 'd'], 'text_encoder': {'type': '_WholeBERT'}}
        ).encode_texts()


class _Features(torch.nn.Module):
    """A backbone replaced by features from a file."""

    def forward(self, x):
        return (x,)


def test_training_with_the_neck_separates_classes(config):
    from mmcls.models.builder import MODELS

    MODELS.register_module(name='_Features', module=_Features, force=True)
    torch.manual_seed(0)
    model = build_classifier(
        {
            'type': 'ImageClassifier',
            'backbone': {'type': '_Features'},
            'neck': {'type': 'ProjectionNeck', 'in_features': 6, 'out_features': 2},
            'head': {**config, 'temperature': 2.0, 'learnable_t': True},
        }
    )
    model.init_weights()
    gt_label = torch.arange(30) % 3
    img = F.one_hot(gt_label, 6) + 0.1 * torch.randn(30, 6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.forward_train(img, gt_label)['loss'].item()
    for _ in range(50):
        optimizer.zero_grad()
        model.forward_train(img, gt_label)['loss'].backward()
        optimizer.step()
    assert model.forward_train(img, gt_label)['loss'].item() < 0.3 * before
    predicted = np.argmax(model.simple_test(img, None), axis=1)
    assert (predicted == gt_label.numpy()).all()
