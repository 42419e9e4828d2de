"""Several descriptions of a class, given in the config or in a file."""

import json

import numpy as np
import pytest
import torch
from mmcls.models.builder import build_head
from mmcv import Config
from tiny_language_models import WORDS

import cite.models.heads  # noqa: F401
from cite.models.heads.text_source import average, unpack
from cite.models.text_encoders import BERT

pytestmark = pytest.mark.usefixtures('text_cache')
# First class: (3, 4), (0, 2) and (1, 0); second class: (0, -5).
FEATURES = np.array([[3, 4], [0, 2], [1, 0], [0, -5]], dtype=np.float32)
TEXTS = [['a', 'b', 'c'], 'd']


@pytest.fixture
def config(tmp_path):
    np.save(tmp_path / 'texts.npy', FEATURES)
    file = str(tmp_path / 'texts.npy')
    encoder = {'type': 'BERT', 'text_feature_file': file}
    return {'type': 'TextEmbeddingHead', 'texts': TEXTS, 'text_encoder': encoder}


def test_each_is_normalised_then_the_mean_is():
    # (0.6, 0.8) + (0, 1) + (1, 0) = (1.6, 1.8), of length sqrt(5.8).
    averaged = average(torch.from_numpy(FEATURES), TEXTS)
    expected = torch.tensor([[1.6, 1.8]]) / 5.8**0.5
    torch.testing.assert_close(averaged[:1], expected)
    assert averaged[1].tolist() == [0, -5]  # alone: as it is


def test_head_averages(config):
    head = build_head(config)
    assert head.num_classes == 2
    logits = head(torch.tensor([[0.0, 3.0]]))
    expected = 2.7182818 * torch.tensor([[1.8 / 5.8**0.5, -1.0]])
    torch.testing.assert_close(logits, expected)
    assert unpack(head.text_source)['texts'] == TEXTS


@pytest.mark.parametrize('texts', [WORDS[:4], [['well'], ['poorly']]])
def test_one_description_a_class_is_as_ever(tiny_bert, texts):
    encoder = {'type': 'BERT', 'model': str(tiny_bert)}
    head = build_head(
        {'type': 'TextEmbeddingHead', 'texts': texts, 'text_encoder': encoder}
    )
    flat = [text if isinstance(text, str) else text[0] for text in texts]
    assert torch.equal(head.encode_texts(), BERT(str(tiny_bert))(flat))


def test_captions_file(config, tmp_path):
    path = tmp_path / 'captions.yml'
    path.write_text('Malignant: [a, b, c]\nBenign: d\n')
    head = build_head({**config, 'texts': str(path)})
    assert head.texts == [['a', 'b', 'c'], ['d']]
    assert torch.equal(head.encode_texts(), build_head(config).encode_texts())
    with pytest.raises(FileNotFoundError, match=r'gone\.yml: no such captions file'):
        build_head({**config, 'texts': str(tmp_path / 'gone.yml')})


def test_a_config_file_may_have_both(config, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(f'head = {config!r}')
    head = build_head(Config.fromfile(str(path)).head)
    assert head.texts == TEXTS
    json.dumps(head.texts)


@pytest.mark.parametrize(
    ('texts', 'message'),
    [
        ([['a', 'b'], ['c', 'a']], r"texts\[1\] repeats 'a'"),
        ([['a', 'a'], 'c'], r"texts\[0\] repeats 'a'"),
        (['a', []], r'texts\[1\] is \[\]'),
        (['a', ['b', 3]], r"texts\[1\] is \['b', 3\]"),
        (['a', [['b']]], r"texts\[1\] is \[\['b'\]\]"),
        (['a', {'b': 1}], r"texts\[1\] is \{'b': 1\}"),
    ],
)
def test_bad_descriptions(config, texts, message):
    with pytest.raises(ValueError, match=message):
        build_head({**config, 'texts': texts})


def test_checkpoint_of_other_descriptions(config):
    head = build_head(config)
    head.encode_texts()
    other = build_head({**config, 'texts': [['a', 'b'], ['c', 'd']]})
    with pytest.raises(ValueError, match=r"text 0: \['a', 'b', 'c'\] in the check"):
        other.load_state_dict(head.state_dict())
    build_head(config).load_state_dict(head.state_dict())
