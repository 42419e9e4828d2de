"""First values of prompt tokens."""

import torch
from torch import Tensor, distributed, nn

from cite.models.half_precision import full_precision

# `token` starts at zero and waits for the first training batch.
INITS = ('normal', 'uniform', 'zero', 'kaiming', 'token')
NORMAL_STD = 0.02  # of the released code
UNIFORM_BOUND = 0.08  # of the released code


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
    """Average tokens (N, T, D) over batch and positions, of all ranks where there are.

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
