"""Text embeddings in checkpoints: they suffice, and are not mistaken for others."""

import json
import shutil

import numpy as np
import pytest
import torch
from mmcls.models.builder import MODELS, build_classifier, build_head
from mmcv.runner import load_checkpoint, save_checkpoint
from mmcv.runner.checkpoint import load_state_dict
from torch import nn

import cite.models.heads
import cite.models.necks  # noqa: F401
from cite.core.files.weights import load_weights
from cite.models.heads.text_source import unpack

pytestmark = pytest.mark.usefixtures('text_cache')
TEXTS = ['well differentiated', 'moderately differentiated', 'poorly differentiated']
WIDTH = 32


class Model(nn.Module):
    """A model with nothing but the head, under the released key prefix."""

    def __init__(self, encoder, texts=TEXTS, **arguments):
        super().__init__()
        config = {'type': 'TextEmbeddingHead', 'texts': texts, **arguments}
        self.head = build_head({**config, 'text_encoder': encoder})


def _bert(model, **arguments):
    return {'type': 'BERT', 'model': str(model), **arguments}


@pytest.fixture
def trained(tiny_bert):
    model = Model(_bert(tiny_bert), learnable_t=True)
    model.head(torch.randn(2, WIDTH))
    return model


def _loads(model, state, capsys):
    """Load through mmcv's and torch's loaders, and see that neither complains."""
    load_state_dict(model, state)
    printed = capsys.readouterr()
    assert 'missing' not in printed.out + printed.err
    assert 'unexpected' not in printed.out + printed.err
    load_state_dict(model, state, strict=True)
    model.load_state_dict(state, strict=True)


def test_a_checkpoint_needs_no_language_model(trained, tmp_path, capsys):
    path = str(tmp_path / 'model.pth')
    save_checkpoint(trained, path)
    model = Model(_bert('/somewhere/else/TinyBERT'), learnable_t=True)
    load_checkpoint(model, path)
    printed = capsys.readouterr().out
    assert 'missing' not in printed
    assert 'unexpected' not in printed
    x = torch.randn(4, WIDTH)
    assert torch.equal(model.head(x), trained.head(x))
    state = load_weights(path)['state_dict']
    assert state['head.text_embeddings'].shape == (3, WIDTH)
    assert state['head.text_embeddings'].dtype == torch.float32
    assert state['head.text_source'].dtype == torch.uint8
    _loads(model, state, capsys)


def test_loading_once_more_replaces_what_was_encoded(trained, tiny_bert, capsys):
    model = Model(_bert(tiny_bert), learnable_t=True)
    model.head.encode_texts()
    state = trained.state_dict()
    state['head.text_embeddings'] = state['head.text_embeddings'] + 1
    _loads(model, state, capsys)
    assert torch.equal(model.head.text_embeddings, state['head.text_embeddings'])
    state['head.text_embeddings'].zero_()  # the model has its own copy
    assert model.head.text_embeddings.abs().sum() > 0


@pytest.mark.parametrize('encoded_before', [False, True])
def test_released_state_dict_loads(tiny_bert, trained, capsys, encoded_before):
    model = Model(_bert(tiny_bert), learnable_t=True)
    if encoded_before:
        model.head.encode_texts()
    _loads(model, {'head.temperature': torch.tensor(4.6052).half()}, capsys)
    assert torch.equal(model.head.encode_texts(), trained.head.text_embeddings)


def test_other_keys_are_still_missed_and_unexpected(trained, capsys):
    load_state_dict(trained, {'head.weights': torch.ones(2)})
    printed = capsys.readouterr().out
    assert 'missing keys in source state_dict: head.temperature' in printed
    assert 'unexpected key in source state_dict: head.weights' in printed


def test_saved_before_the_first_need(tiny_bert, tmp_path):
    path = str(tmp_path / 'model.pth')
    save_checkpoint(Model(_bert(tiny_bert)), path)
    assert list(load_weights(path)['state_dict']) == []


def test_source_names_no_path(trained, tiny_bert):
    source = unpack(trained.head.text_source)
    assert source['encoder'] == 'BERT'
    assert source['model'] == 'TinyBERT'
    assert source['key'] == 'pooler_output'
    assert source['texts'] == TEXTS
    assert str(tiny_bert.parent) not in json.dumps(source)


def test_moved_folder_is_the_same_model(trained, tiny_bert, tmp_path, capsys):
    moved = shutil.copytree(tiny_bert, tmp_path / 'deep' / 'TinyBERT')
    renamed = shutil.copytree(tiny_bert, tmp_path / 'language-model')
    for name in (moved, f'{moved}/', renamed, '/gone/TinyBERT', 'owner/TinyBERT'):
        _loads(Model(_bert(name), learnable_t=True), trained.state_dict(), capsys)


@pytest.mark.parametrize(
    ('texts', 'message'),
    [
        (
            ['well differentiated', 'mildly differentiated', 'poorly differentiated'],
            r"text 1: 'moderately differentiated' in the checkpoint, 'mildly diff",
        ),
        (TEXTS[:2], r'holds text embeddings \(3, 32\), the config has 2 texts'),
        (TEXTS[::-1], r"text 0: 'well differentiated'.*text 2: 'poorly"),
    ],
)
def test_other_texts_are_an_error(trained, tiny_bert, texts, message):
    model = Model(_bert(tiny_bert), texts, learnable_t=True)
    with pytest.raises(ValueError, match=message):
        model.load_state_dict(trained.state_dict())
    with pytest.raises(ValueError, match=message):
        load_state_dict(model, trained.state_dict())


def test_another_model_is_an_error(trained):
    model = Model(_bert('owner/PubMedBERT'), learnable_t=True)
    with pytest.raises(ValueError, match="'TinyBERT' in the checkpoint, 'PubMedBERT'"):
        load_state_dict(model, trained.state_dict())


def test_another_key_is_an_error(trained, tiny_bert):
    encoder = _bert(tiny_bert, key='last_hidden_state')
    model = Model(encoder, learnable_t=True)
    with pytest.raises(
        ValueError, match="key 'pooler_output' in the checkpoint, 'last"
    ):
        load_state_dict(model, trained.state_dict())


def test_other_weights_in_a_folder_of_that_name(trained, tmp_path, save_tiny_bert):
    other = save_tiny_bert(tmp_path / 'TinyBERT', seed=1)
    model = Model(_bert(other), learnable_t=True)
    with pytest.raises(ValueError, match="other weights under the model's name 'TinyB"):
        load_state_dict(model, trained.state_dict())


def test_pickled_weights_are_told_apart_by_name_alone(
    trained, tmp_path, save_tiny_bert, capsys
):
    pickled = save_tiny_bert(tmp_path / 'TinyBERT', safetensors=False)
    _loads(Model(_bert(pickled), learnable_t=True), trained.state_dict(), capsys)


def test_feature_file_is_compared_by_its_numbers(trained, tmp_path, capsys):
    state = trained.state_dict()
    embeddings = trained.head.text_embeddings.numpy()
    for name, values in (('same.npy', embeddings), ('other.npy', embeddings + 0.01)):
        np.save(tmp_path / name, values)
    encoder = {'type': 'BERT', 'text_feature_file': str(tmp_path / 'same.npy')}
    _loads(Model(encoder, learnable_t=True), state, capsys)
    encoder['text_feature_file'] = str(tmp_path / 'other.npy')
    with pytest.raises(ValueError, match=r'other\.npy holds other numbers'):
        load_state_dict(Model(encoder, learnable_t=True), state)


def test_feature_file_that_is_gone_is_compared_by_name(tmp_path, capsys):
    np.save(tmp_path / 'texts.npy', np.eye(3))
    encoder = {'type': 'BERT', 'text_feature_file': str(tmp_path / 'texts.npy')}
    trained = Model(encoder)
    trained.head.encode_texts()
    (tmp_path / 'texts.npy').unlink()
    _loads(Model(encoder), trained.state_dict(), capsys)
    encoder = {'type': 'BERT', 'text_feature_file': '/gone/classes.npy'}
    with pytest.raises(ValueError, match=r"'texts\.npy' in the check.*'classes\.npy'"):
        load_state_dict(Model(encoder), trained.state_dict())


def test_hand_made_embeddings_without_source(tiny_bert, capsys):
    model = Model(_bert(tiny_bert))
    _loads(model, {'head.text_embeddings': torch.eye(3).half()}, capsys)
    assert torch.equal(model.head.text_embeddings, torch.eye(3))
    torch.testing.assert_close(
        model.head(torch.tensor([[2.0, 0, 0]])), torch.tensor([[np.e, 0, 0]]).float()
    )
    assert list(model.state_dict()) == ['head.text_embeddings']
    with pytest.raises(ValueError, match=r'holds text embeddings \(4, 4\)'):
        model.load_state_dict({'head.text_embeddings': torch.eye(4)})


@pytest.mark.parametrize(
    'data', [b'{\1\2', b'[' * 100_000, b'{"encoder": "\\ud800"}', b'9' * 100_000]
)
def test_damaged_source(trained, data):
    state = trained.state_dict()
    state['head.text_source'] = torch.tensor([*data], dtype=torch.uint8)
    with pytest.raises(ValueError, match=r'head\.text_source'):
        load_state_dict(trained, state)


class _Features(nn.Module):
    def forward(self, x):
        return x


def test_a_few_steps_saved_and_loaded_in_a_classifier(tiny_bert, tmp_path, capsys):
    MODELS.register_module(name='_Features', module=_Features, force=True)
    config = {
        'type': 'ImageClassifier',
        'backbone': {'type': '_Features'},
        'neck': {'type': 'ProjectionNeck', 'in_features': 8, 'out_features': WIDTH},
        'head': {
            'type': 'TextEmbeddingHead',
            'texts': TEXTS,
            'temperature': 4.6052,
            'text_encoder': _bert(tiny_bert),
        },
    }
    torch.manual_seed(0)
    model = build_classifier(config)
    img, gt_label = torch.randn(6, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
    for _ in range(2):
        optimizer.zero_grad()
        model.forward_train(img, gt_label)['loss'].backward()
        optimizer.step()
    path = str(tmp_path / 'model.pth')
    save_checkpoint(model, path)
    config['head']['text_encoder'] = _bert('/gone/TinyBERT')
    again = build_classifier(config)
    load_checkpoint(again, path, strict=True)
    np.testing.assert_array_equal(again.simple_test(img), model.simple_test(img))
