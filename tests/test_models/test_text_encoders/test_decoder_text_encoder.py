import pytest
import torch
from mmcls.models.builder import MODELS
from parity import assert_same

from cite.models.text_encoders import BERT, DecoderTextEncoder, T5Encoder

pytestmark = pytest.mark.usefixtures('text_cache')
# <s> and the words, by their numbers in the tokenizer of the fixture `llama`.
TOKENS = [[2, 3, 6, 7, 8], [2, 4, 6, 8], [2, 5, 6]]


@torch.no_grad()
def _states(folder, tokens, **options):
    """What transformers' own AutoModel makes of token numbers (N, T)."""
    from transformers import AutoModel

    model = AutoModel.from_pretrained(str(folder)).eval()
    return model(torch.tensor(tokens), **options).last_hidden_state


def test_llama_gives_its_last_token(llama, texts):
    encoder = MODELS.build({'type': 'DecoderTextEncoder', 'model': str(llama)})
    expected = torch.stack([_states(llama, [tokens])[0, -1] for tokens in TOKENS])
    embeddings = encoder(texts)
    assert embeddings.shape == (3, 32)
    assert_same(embeddings, expected)


def test_llama_gives_the_mean_of_its_tokens(llama, texts):
    expected = torch.stack([_states(llama, [tokens])[0].mean(0) for tokens in TOKENS])
    embeddings = DecoderTextEncoder(str(llama), key='mean')(texts)
    assert_same(embeddings, expected)


@pytest.mark.parametrize('side', ['left', 'right'])
@pytest.mark.parametrize('key', ['last', 'mean'])
def test_a_text_alone_is_as_in_a_padded_batch(llama, texts, key, side):
    pads = [[0] * (5 - len(tokens)) for tokens in TOKENS]
    ones = [[1] * len(tokens) for tokens in TOKENS]
    if side == 'left':
        rows = [pad + tokens for pad, tokens in zip(pads, TOKENS)]
        mask = torch.tensor([pad + one for pad, one in zip(pads, ones)])
        positions = (mask.cumsum(1) - 1).clamp(min=0)
    else:
        rows = [tokens + pad for pad, tokens in zip(pads, TOKENS)]
        mask = torch.tensor([one + pad for pad, one in zip(pads, ones)])
        positions = torch.arange(5).expand(3, -1)
    states = _states(llama, rows, attention_mask=mask, position_ids=positions)
    expected = []
    for row, own in zip(states, mask.bool()):
        expected.append(row[own][-1] if key == 'last' else row[own].mean(0))
    embeddings = DecoderTextEncoder(str(llama), key=key)(texts)
    assert_same(embeddings, torch.stack(expected))


def test_biogpt_with_its_own_tokenizer(biogpt):
    encoder = DecoderTextEncoder(str(biogpt))
    # </s>, then 'we' 'll</w>': the two merges that the file names.
    words = ['<s>', '<pad>', '</s>', '<unk>']
    letters = [chr(c) for c in range(ord('a'), ord('z') + 1)]
    vocabulary = [*words, *letters, *(f'{c}</w>' for c in letters), 'we', 'll</w>']
    tokens = [vocabulary.index(piece) for piece in ('</s>', 'we', 'll</w>')]
    expected = _states(biogpt, [tokens])[:, -1]
    assert_same(encoder(['well']), expected)


def test_last_and_mean_are_cached_apart(llama, texts, text_cache):
    last = DecoderTextEncoder(str(llama), key='last')
    mean = DecoderTextEncoder(str(llama), key='mean')
    assert not torch.allclose(last(texts), mean(texts))
    assert len([*text_cache.glob('*.safetensors')]) == 2
    assert last.source()['key'] == 'last'
    assert last.source()['encoder'] == 'DecoderTextEncoder'


def test_width_is_known_without_loading(llama, biogpt):
    assert DecoderTextEncoder(str(llama)).width() == 32
    assert DecoderTextEncoder(str(biogpt)).width() == 32
    assert DecoderTextEncoder('owner/never-downloaded').width() is None


def test_unknown_key():
    with pytest.raises(ValueError, match=r"key is 'pooler_output'.*'last', 'mean'"):
        DecoderTextEncoder(key='pooler_output')


def test_models_of_another_kind_name_the_encoder_for_them(llama, tiny_bert, t5):
    for encoder, folder, named in (
        (BERT, llama, 'DecoderTextEncoder'),
        (BERT, t5, 'T5Encoder'),
        (DecoderTextEncoder, tiny_bert, 'BERT'),
        (DecoderTextEncoder, t5, 'T5Encoder'),
        (T5Encoder, llama, 'DecoderTextEncoder'),
        (T5Encoder, tiny_bert, 'BERT'),
    ):
        with pytest.raises(ValueError, match=rf"it is a .*type='{named}'"):
            encoder(str(folder))(['well'])


def test_weights_of_another_model(llama, biogpt, tmp_path):
    import shutil

    folder = shutil.copytree(llama, tmp_path / 'Mixed')
    shutil.copy(biogpt / 'model.safetensors', folder)
    with pytest.raises(ValueError, match=r'Mixed.*weights lack .*another model'):
        DecoderTextEncoder(str(folder))(['well'])


def test_tokenizer_without_its_package(biogpt, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, 'sacremoses', None)
    with pytest.raises(ImportError, match='pip install sacremoses'):
        DecoderTextEncoder(str(biogpt))(['well'])
