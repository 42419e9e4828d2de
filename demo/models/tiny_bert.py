import string
from collections.abc import Sequence
from pathlib import Path
from typing import Union

import torch

# The vocabulary has all characters, so that no word becomes [UNK].
_SPECIAL = ('[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]')
_CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation
# The pooler's input to tanh then has a standard deviation of about 3 at any width, and
# different texts get clearly different embeddings.
_GAIN = 3.0


def tiny_bert(
    folder: Union[str, Path],
    seed: int = 0,
    hidden: int = 128,
    layers: int = 2,
    texts: Sequence[str] = (),
    length: int = 64,
) -> Path:
    """Write a BERT with random weights as transformers saves one.

    Args:
        folder: folder to write; made if it is missing.
        seed: seed of the weights.
        hidden: width of the embeddings; even.
        layers: number of layers.
        texts: texts whose words become tokens. Other words are spelled out.
        length: length of the longest text, tokens.

    Returns:
        ``folder``, for ``text_encoder=dict(type='BERT', model=folder)``.
    """
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _vocabulary(texts)
    (folder / 'vocab.txt').write_text('\n'.join(vocabulary) + '\n', encoding='utf-8')
    tokenizer = BertTokenizerFast(str(folder / 'vocab.txt'), model_max_length=length)
    tokenizer.save_pretrained(str(folder))
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=min(2 * hidden, 256),
        max_position_embeddings=length,
        initializer_range=_GAIN / hidden**0.5,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(str(folder))
    return folder


def _vocabulary(texts: Sequence[str]) -> list[str]:
    words = {word for text in texts for word in text.lower().split() if word.isalnum()}
    pieces = [*_CHARACTERS, *(f'##{character}' for character in _CHARACTERS)]
    return list(dict.fromkeys([*_SPECIAL, *pieces, *sorted(words)]))
