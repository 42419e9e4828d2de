"""Texts of different classes must have different embeddings, or nothing is learnt."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from .text_source import Texts, descriptions

# Equal tokens give equal vectors but for rounding, by some 1e-6 of their length; the
# cosine is less than 1 by half the square of that.
_SAME = 1 - 1e-8
# Texts that agree in this many characters probably differ beyond the model's length.
_LONG = 200


def check_distinct(embeddings: Tensor, texts: Texts) -> None:
    """Check that no two classes have one embedding.

    Args:
        embeddings: (K, D).
        texts: descriptions of the K classes.

    Raises:
        ValueError: two classes have the same embedding; the message names the
            probable cause.
    """
    unit = F.normalize(embeddings.double())  # (K, D)
    same = torch.triu(unit @ unit.t() > _SAME, diagonal=1).nonzero()
    if len(same) == 0:
        return
    i, j = same[0].tolist()
    first, second = descriptions(texts[i]), descriptions(texts[j])
    raise ValueError(
        f'the text encoder gives class {i} ({_short(first)}) and class {j} '
        f'({_short(second)}) the same embedding, so they could not be told apart: '
        f'{_cause(first, second)}. Reword one of them (model.head.texts), or choose '
        'another text encoder.'
    )


def _short(texts: Sequence[str]) -> str:
    text = texts[0]
    return repr(text) if len(text) <= 60 else f'{text[:60]!r}…'


def _cause(first: Sequence[str], second: Sequence[str]) -> str:
    if [t.casefold() for t in first] == [t.casefold() for t in second]:
        return 'they differ in capital letters alone, which it does not tell apart'
    if [t.split() for t in first] == [t.split() for t in second]:
        return 'they differ in blanks alone, which it does not tell apart'
    if all(a[:_LONG] == b[:_LONG] and len(a) > _LONG for a, b in zip(first, second)):
        return 'they differ beyond the length at which it cuts texts'
    return 'they differ in words or characters that it does not know ([UNK])'
