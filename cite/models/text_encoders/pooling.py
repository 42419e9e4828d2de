"""From one vector per token to one vector per text."""

from typing import Callable

import torch
from torch import Tensor


def first_token(tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the first token that is not padding, [CLS] in a BERT: (N, D)."""
    return tokens[_rows(tokens), mask.to(torch.uint8).argmax(dim=1)]


def last_token(tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the last token that is not padding, on either side: (N, D)."""
    from_the_end = mask.flip(1).to(torch.uint8).argmax(dim=1)
    return tokens[_rows(tokens), mask.shape[1] - 1 - from_the_end]


def mean_token(tokens: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of all tokens that are not padding: (N, D).

    Source: Reimers and Gurevych, *Sentence-BERT*, EMNLP 2019, section 3.
    """
    weights = mask.to(tokens.dtype).unsqueeze(-1)  # (N, T, 1)
    return (tokens * weights).sum(dim=1) / weights.sum(dim=1)


def _rows(tokens: Tensor) -> Tensor:
    return torch.arange(len(tokens), device=tokens.device)


# By an encoder's `key`: tokens (N, T, D) and mask (N, T), 0 for padding, to (N, D).
# `last_hidden_state` is the released name of [CLS].
POOLINGS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    'last_hidden_state': first_token,
    'mean': mean_token,
    'last': last_token,
}
