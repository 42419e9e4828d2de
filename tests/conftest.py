"""A small BERT with seeded random weights, saved as transformers saves one."""

from pathlib import Path
from typing import Callable

import pytest
import torch

WORDS = ['well', 'moderately', 'poorly', 'differentiated', 'tubular', 'adenocarcinoma']


@pytest.fixture
def text_cache(tmp_path, monkeypatch) -> Path:
    """Give a test a folder of its own for cached text embeddings."""
    from cite.models.text_encoders import cache

    folder = tmp_path / 'text-cache'
    monkeypatch.setenv('CITE_CACHE', str(folder))
    cache.forget()
    return folder


@pytest.fixture(scope='session')
def save_tiny_bert() -> Callable[..., Path]:
    """Return the function that writes a two-layer BERT, 32 wide, into a new folder."""
    return _save_tiny_bert


@pytest.fixture(scope='session')
def tiny_bert(tmp_path_factory) -> Path:
    """Return the folder of a small BERT; tests leave it as it is."""
    return _save_tiny_bert(tmp_path_factory.mktemp('models') / 'TinyBERT')


def _save_tiny_bert(folder: Path, seed: int = 0, safetensors: bool = True) -> Path:
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True)
    vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *WORDS]
    (folder / 'vocab.txt').write_text('\n'.join(vocabulary) + '\n')
    tokenizer = BertTokenizerFast(str(folder / 'vocab.txt'), model_max_length=16)
    tokenizer.save_pretrained(str(folder))
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
        initializer_range=0.5,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(config)
    model.save_pretrained(str(folder), safe_serialization=safetensors)
    return folder
