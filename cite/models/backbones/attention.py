"""Self-attention with the weights of ``nn.MultiheadAttention``, for batch-first tokens.

torch's own forward pass copies the tokens between its layouts, and before torch 2.0
knows no fused attention for the training step.
"""

from torch import Tensor, nn
from torch.nn import functional as F

# From torch 2.0 on.
_FUSED = hasattr(F, 'scaled_dot_product_attention')


def attend(
    attention: nn.MultiheadAttention, x: Tensor, first_only: bool = False
) -> Tensor:
    """Let tokens attend to each other, without mask and dropout.

    Source: Vaswani et al., *Attention Is All You Need*, NeurIPS 2017, section 3.2.

    Args:
        attention: the weights; queries, keys and values of one width, with biases.
        x: (N, T, D).
        first_only: only the first token attends (to all).

    Returns:
        (N, T, D), or (N, 1, D) with ``first_only``.
    """
    weight, bias = attention.in_proj_weight, attention.in_proj_bias  # (3D, D), (3D,)
    heads, width = attention.num_heads, x.shape[-1]
    if first_only:
        q = _split(F.linear(x[:, :1], weight[:width], bias[:width]), 1, heads)[0]
        k, v = _split(F.linear(x, weight[width:], bias[width:]), 2, heads)
    else:
        q, k, v = _split(F.linear(x, weight, bias), 3, heads)
    mixed = _mix(q, k, v).transpose(1, 2).flatten(2)  # (N, T, D)
    return attention.out_proj(mixed)


def _split(x: Tensor, parts: int, heads: int) -> Tensor:
    """Split (N, T, parts * D) into (parts, N, heads, T, D / heads)."""
    return x.unflatten(-1, (parts, heads, -1)).permute(2, 0, 3, 1, 4)


def _mix(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Average the values by softmax(q k / sqrt(d)); all (N, heads, T, d)."""
    if _FUSED:
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # (N, heads, T, T)
    return scores.softmax(-1, dtype=q.dtype) @ v
