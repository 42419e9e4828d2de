"""Prompt tokens: their first values, and how they enter a sequence of tokens."""

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from cite.models.precision import full_precision

# `token` starts at zero and waits for the first training batch.
INITS = ('normal', 'uniform', 'zero', 'kaiming', 'token')
# Both from the released code.
NORMAL_STD, UNIFORM_BOUND = 0.02, 0.08


@torch.no_grad()
def init_prompt(prompt: Tensor, how: str) -> None:
    """Fill prompts (n, L, D) in place; ``how`` is one of :data:`INITS`."""
    if how in ('zero', 'token') or not prompt.numel():
        prompt.zero_()
    elif how == 'normal':
        nn.init.normal_(prompt, std=NORMAL_STD)
    elif how == 'uniform':
        nn.init.uniform_(prompt, -UNIFORM_BOUND, UNIFORM_BOUND)
    else:
        nn.init.kaiming_normal_(prompt)


@torch.no_grad()
def token_mean(tokens: Tensor) -> Tensor:
    """Average tokens (N, T, D) over batch and positions, and over all ranks.

    Returns:
        (D,) in fp32, the same on every rank.
    """
    with full_precision(tokens.device):
        # Double, so that the sum does not depend on how ranks share the batch.
        total = tokens.detach().sum((0, 1), dtype=torch.float64)  # (D,)
        count = total.new_tensor([tokens.shape[0] * tokens.shape[1]])
        joint = torch.cat([total, count])
        if distributed.is_available() and distributed.is_initialized():
            distributed.all_reduce(joint)
        return (joint[:-1] / joint[-1]).float()


def prepend(tokens: Tensor, prompt: Tensor, start: int, replaced: int) -> Tensor:
    """Put prompt tokens between the leading tokens and the patch tokens.

    Args:
        tokens: sequences (N, T, D).
        prompt: prompt tokens (L, D).
        start: number of leading tokens (class token, registers).
        replaced: number of tokens after these that are replaced.

    Returns:
        (N, T - replaced + L, D).
    """
    prompt = prompt.expand(tokens.shape[0], -1, -1)  # (N, L, D)
    return torch.cat([tokens[:, :start], prompt, tokens[:, start + replaced :]], dim=1)


def add(tokens: Tensor, prompt: Tensor, start: int) -> Tensor:
    """Add prompt t mod L to patch token t; an incomplete last round is left out.

    Args:
        tokens: sequences (N, T, D).
        prompt: prompt tokens (L, D).
        start: number of leading tokens, which stay as they are.

    Returns:
        (N, T, D).
    """
    patches = tokens.shape[1] - start
    rounds = patches // prompt.shape[0]
    rest = patches - rounds * prompt.shape[0]
    shift = F.pad(prompt.repeat(rounds, 1), (0, 0, start, rest))  # (T, D)
    return tokens + shift
