"""A real tokenizer of six words."""

from typing import Any

WORDS = ['well', 'moderately', 'poorly', 'differentiated', 'tubular', 'adenocarcinoma']


def word_tokenizer(begin: str = '', end: str = '') -> Any:
    """Number the words from behind ``<pad>``, ``<unk>``, ``begin`` and ``end``."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    special = ['<pad>', '<unk>', *filter(None, (begin, end))]
    numbers = {word: i for i, word in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token='<unk>'))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=' '.join(filter(None, (begin, '$A', end))),
        special_tokens=[(t, numbers[t]) for t in (begin, end) if t],
    )
    return tokenizer
