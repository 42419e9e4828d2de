import shutil
from pathlib import Path

import pytest
import sentencepiece
import torch
from mmcls.models.builder import MODELS
from parity import assert_same

from cite.models.text_encoders import T5Encoder

pytestmark = pytest.mark.usefixtures('text_cache')
END = 1


@pytest.fixture
def tokens(t5, texts):
    """The texts' pieces as SentencePiece itself numbers them, and the end."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(t5 / 'spiece.model'))
    return [[*pieces.encode(text), END] for text in texts]


@pytest.fixture
def encoder(t5):
    """The encoder of the whole model as transformers builds it."""
    from transformers import T5ForConditionalGeneration

    return T5ForConditionalGeneration.from_pretrained(str(t5)).eval().encoder


@torch.no_grad()
def test_mean_of_the_encoders_tokens(t5, texts, tokens, encoder):
    ours = MODELS.build({'type': 'T5Encoder', 'model': str(t5)})
    expected = [
        encoder(torch.tensor([row])).last_hidden_state[0].mean(0) for row in tokens
    ]
    embeddings = ours(texts)
    assert embeddings.shape == (3, 32)
    assert_same(embeddings, torch.stack(expected))
    assert ours.width() == 32


@torch.no_grad()
def test_a_text_alone_is_as_in_a_padded_batch(t5, texts, tokens, encoder):
    longest = max(map(len, tokens))
    assert min(map(len, tokens)) < longest
    rows = torch.tensor([row + [0] * (longest - len(row)) for row in tokens])
    states = encoder(rows, attention_mask=(rows != 0).long()).last_hidden_state
    sums = (states * (rows != 0).unsqueeze(-1)).sum(1)
    expected = sums / torch.tensor([[float(len(row))] for row in tokens])
    assert_same(T5Encoder(str(t5))(texts), expected)


def test_an_encoder_that_was_saved_alone(t5, texts, tmp_path):
    from transformers import T5EncoderModel

    alone = Path(shutil.copytree(t5, tmp_path / 'Alone'))
    T5EncoderModel.from_pretrained(str(t5)).save_pretrained(str(alone))
    assert torch.equal(T5Encoder(str(alone))(texts), T5Encoder(str(t5))(texts))


def test_a_model_has_to_be_named():
    with pytest.raises(ValueError, match=r'text_encoder\.model is missing.*T5Encoder'):
        T5Encoder()
