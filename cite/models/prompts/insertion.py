"""How prompt tokens enter a sequence of tokens."""

import torch
from torch import Tensor
from torch.nn import functional as F


def prepend(tokens: Tensor, prompt: Tensor, start: int, replaced: int) -> Tensor:
    """Put prompt tokens between the leading tokens and the patch tokens.

    Args:
        tokens: (N, T, D).
        prompt: (L, D).
        start: number of leading tokens (class token, registers).
        replaced: number of tokens behind these that make room.

    Returns:
        (N, T - replaced + L, D).
    """
    prompt = prompt.expand(tokens.shape[0], -1, -1)  # (N, L, D)
    return torch.cat([tokens[:, :start], prompt, tokens[:, start + replaced :]], dim=1)


def add(tokens: Tensor, prompt: Tensor, start: int) -> Tensor:
    """Add prompt t mod L to patch token t; an incomplete last round is left out.

    Args:
        tokens: (N, T, D).
        prompt: (L, D).
        start: number of leading tokens, which stay as they are.

    Returns:
        (N, T, D).
    """
    patches = tokens.shape[1] - start
    rounds = patches // prompt.shape[0]
    rest = patches - rounds * prompt.shape[0]
    shift = F.pad(prompt.repeat(rounds, 1), (0, 0, start, rest))  # (T, D)
    return tokens + shift
