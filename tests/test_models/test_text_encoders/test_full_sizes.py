"""Text encoders of the published sizes, weights random; ``-rP`` shows the parity."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from parity import assert_same
from tiny_language_models import seeded, word_tokenizer

from cite.models.text_encoders import BERT, DecoderTextEncoder, T5Encoder

pytestmark = [pytest.mark.long, pytest.mark.usefixtures('text_cache')]
# <s>, words, </s>, by their numbers in `word_tokenizer`, padded on the right.
ROWS = torch.tensor([[2, 4, 7, 8, 9, 3], [2, 5, 7, 9, 3, 0], [2, 6, 7, 3, 0, 0]])
MASK = (ROWS != 0).long()


def bert(width: int, blocks: int) -> Any:
    config = transformers.BertConfig(
        vocab_size=16,
        hidden_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=width // 64,
        intermediate_size=4 * width,
    )
    return transformers.BertModel(config)


def biogpt() -> Any:
    # As published: 24 blocks of 1024, 16 heads.
    return transformers.BioGptModel(transformers.BioGptConfig(vocab_size=16))


def t5() -> Any:
    sizes = {'d_model': 768, 'd_ff': 3072, 'num_layers': 12, 'num_heads': 12}
    return transformers.T5EncoderModel(transformers.T5Config(vocab_size=16, **sizes))


CASES = {
    'bert-base': (BERT, 'pooler_output', lambda: bert(768, 12)),
    'bert-large': (BERT, 'pooler_output', lambda: bert(1024, 24)),
    'biogpt': (DecoderTextEncoder, 'last', biogpt),
    't5-base': (T5Encoder, 'mean', t5),
}


def save(model: Any, folder: Path) -> str:
    model.save_pretrained(str(folder))
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer('<s>', '</s>'), pad_token='<pad>'
    ).save_pretrained(str(folder))
    return str(folder)


@pytest.mark.parametrize('name', CASES)
@torch.no_grad()
def test_full_size(tmp_path, texts, name):
    encoder, key, build = CASES[name]
    model = seeded(build, spread=0.02)
    output = model(ROWS, attention_mask=MASK)
    states = output.last_hidden_state
    if key == 'pooler_output':
        expected = output.pooler_output
    elif key == 'last':
        expected = states[range(3), MASK.sum(1) - 1]
    else:
        expected = (states * MASK[..., None]).sum(1) / MASK.sum(1, keepdim=True)
    assert_same(encoder(save(model, tmp_path / name), key=key)(texts), expected)
