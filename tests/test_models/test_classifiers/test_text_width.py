"""Neck and texts find each other: ``model.neck.out_features=None``."""

import copy
import shutil

import pytest
import torch
from mmcls.models.builder import build_classifier
from mmcv.runner import load_checkpoint, save_checkpoint

import cite  # noqa: F401

pytestmark = pytest.mark.usefixtures('text_cache')
TEXTS = ['well differentiated', 'poorly differentiated']


def config(model, out_features=None, kind='CITEClassifier'):
    return {
        'type': kind,
        'backbone': {'type': 'FeatureBackbone'},
        'neck': {
            'type': 'ProjectionNeck',
            'in_features': 6,
            'out_features': out_features,
            'init': 'normal_identity',
        },
        'head': {
            'type': 'TextEmbeddingHead',
            'texts': TEXTS,
            'text_encoder': {'type': 'BERT', 'model': str(model)},
        },
    }


def build(*arguments, **options):
    torch.manual_seed(0)
    return build_classifier(copy.deepcopy(config(*arguments, **options)))


def test_none_is_the_width_of_the_texts(tiny_bert):
    inferred, told = build(tiny_bert), build(tiny_bert, 32)
    assert inferred.neck.out_features == 32
    assert torch.equal(inferred.neck.weight, told.neck.weight)
    assert torch.equal(inferred.neck.bias, told.neck.bias)
    assert (
        inferred.head.text_embeddings is None
    )  # the folder told it; nothing was loaded
    x = torch.randn(4, 6)
    assert torch.equal(
        inferred.forward_train(x, torch.tensor([0, 1, 0, 1]))['loss'],
        told.forward_train(x, torch.tensor([0, 1, 0, 1]))['loss'],
    )


def test_where_no_file_tells_the_texts_are_encoded(tiny_bert, tmp_path, monkeypatch):
    from cite.models.text_encoders import BERT

    monkeypatch.setattr(BERT, 'width', lambda self: None)
    model = build(tiny_bert)
    assert model.neck.out_features == model.head.text_embeddings.shape[1] == 32


def test_an_explicit_wrong_width_is_told_with_both(tiny_bert):
    with pytest.raises(
        ValueError, match=r'features are 24 wide, the text embeddings 32.*=32, or to N'
    ):
        build(tiny_bert, 24).forward_train(torch.randn(1, 6), torch.tensor([0]))


def test_a_checkpoint_suffices_without_the_language_model(tiny_bert, tmp_path):
    trained = build(tiny_bert)
    x = torch.randn(3, 6)
    expected = trained.simple_test(x)
    save_checkpoint(trained, str(tmp_path / 'model.pth'))
    model = build(tmp_path / 'gone' / 'TinyBERT')
    held = [*model.parameters()]  # as an optimizer that is built before loading
    load_checkpoint(model, str(tmp_path / 'model.pth'), strict=True)
    for scores, again in zip(expected, model.simple_test(x)):
        assert (scores == again).all()
    assert all(a is b for a, b in zip(held, model.parameters()))


def test_without_language_model_and_checkpoint(tmp_path):
    model = build(tmp_path / 'gone')
    with pytest.raises(ValueError, match=r'gone.*no such folder.*out_features is None'):
        model.forward_train(torch.randn(1, 6), torch.tensor([0]))


def test_mmcls_own_classifier_says_what_to_do(tiny_bert):
    model = build(tiny_bert, kind='ImageClassifier')
    with pytest.raises(ValueError, match=r"model\.type='CITEClassifier'.*or give a nu"):
        model.forward_train(torch.randn(1, 6), torch.tensor([0]))


def test_a_head_without_texts(tiny_bert):
    cfg = config(tiny_bert)
    cfg['head'] = {'type': 'MyLinearClsHead', 'num_classes': 2, 'in_channels': 6}
    with pytest.raises(ValueError, match=r'out_features is None.*MyLinearClsHead has'):
        build_classifier(cfg)


def test_another_language_model_by_one_key(tiny_bert, tmp_path):
    from demo.models import tiny_bert as write

    shutil.rmtree(tmp_path / 'wide', ignore_errors=True)
    assert build(write(tmp_path / 'wide', hidden=48)).neck.out_features == 48
