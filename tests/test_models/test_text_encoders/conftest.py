"""Small language models with seeded random weights, each with a real tokenizer."""

from pathlib import Path
from typing import Any

import pytest
from tiny_language_models import save_biogpt, save_llama, save_t5

TEXTS = [
    'well differentiated tubular adenocarcinoma',
    'moderately differentiated adenocarcinoma',
    'poorly differentiated',
]


@pytest.fixture
def texts() -> list[str]:
    """Return texts of four, three and two words: a batch of them has to be padded."""
    return [*TEXTS]


@pytest.fixture(scope='session')
def llama(tmp_path_factory) -> Path:
    """A LLaMA with its head, <s> before each text, and a file that asks for padding."""
    return save_llama(tmp_path_factory.mktemp('models') / 'TinyLlama')


@pytest.fixture(scope='session')
def biogpt(tmp_path_factory) -> Path:
    """A BioGPT with its head, and its own tokenizer's two files."""
    return save_biogpt(tmp_path_factory.mktemp('models') / 'TinyBioGPT')


@pytest.fixture(scope='session')
def t5(tmp_path_factory) -> Path:
    """A whole T5, encoder and decoder, with a SentencePiece model trained for it."""
    import sentencepiece

    folder = save_t5(tmp_path_factory.mktemp('models') / 'TinyT5')
    for file in folder.glob('*token*'):  # the tokenizer of words
        file.unlink()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS * 20),
        model_prefix=str(folder / 'spiece'),
        vocab_size=24,
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return folder


class Trap:
    """Makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return Path.touch, (self.trace,)


@pytest.fixture
def trap(tmp_path) -> Any:
    """Something to pickle that runs when it is read; sees that it did not."""
    yield Trap(tmp_path / 'was-here')
    assert not (tmp_path / 'was-here').exists()
