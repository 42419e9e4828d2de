"""The forward passes of CLIP's image towers, for any image size.

Source: Radford et al., *Learning Transferable Visual Models From Natural Language
Supervision*, ICML 2021, section 2.4; the modules are those of OpenAI's ``clip``.

Tokens are (N, T, D) throughout.
"""

import copy
from typing import Any

import torch
from clip.model import ModifiedResNet, ResidualAttentionBlock, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from cite.models.architectures.positions import patch_grid, resize_positions
from cite.models.precision import full_precision

# From torch 2.0 on.
_FUSED = hasattr(F, 'scaled_dot_product_attention')


def embed(visual: VisionTransformer, images: Tensor) -> Tensor:
    """Turn images (N, 3, H, W) into the first block's tokens (N, 1 + patches, D).

    Under autocast the tokens, which every block adds to, stay fp32; CLIP itself would
    round them to half precision at each block.
    """
    grid = patch_grid(images, visual.conv1.kernel_size)
    x = visual.conv1(images).flatten(2).transpose(1, 2)  # (N, patches, D)
    class_token = visual.class_embedding.expand(x.shape[0], 1, -1)
    x = torch.cat([class_token, x.to(class_token.dtype)], dim=1)
    x = x + resize_positions(visual.positional_embedding, grid)
    return visual.ln_pre(x)


def run_block(
    block: ResidualAttentionBlock, tokens: Tensor, class_only: bool = False
) -> Tensor:
    """Run one of CLIP's residual attention blocks, whose own forward pass copies twice.

    Args:
        block: the weights and norms.
        tokens: input of the block, (N, T, D).
        class_only: compute the class token alone; only it is read of the last block,
            and this saves three quarters of the matrix products.

    Returns:
        (N, T, D), or (N, 1, D) with ``class_only``.
    """
    attended = attend(block.attn, block.ln_1(tokens), class_only)
    tokens = (tokens[:, :1] if class_only else tokens) + attended
    return tokens + block.mlp(block.ln_2(tokens))


def read_out(visual: VisionTransformer, tokens: Tensor) -> Tensor:
    """Turn the last block's tokens into image features (N, D), without autocast."""
    with full_precision(tokens.device):
        x = visual.ln_post(tokens[:, 0].to(visual.ln_post.weight.dtype))
        return x if visual.proj is None else x @ visual.proj


def attend(
    attention: nn.MultiheadAttention, x: Tensor, first_only: bool = False
) -> Tensor:
    """Let tokens attend to each other, without mask and dropout.

    torch's own forward pass copies the tokens between its layouts, and before torch 2.0
    it has no fused attention for the training step.

    Source: Vaswani et al., *Attention Is All You Need*, NeurIPS 2017, section 3.2.

    Args:
        attention: the weights; queries, keys and values of one width, with biases.
        x: tokens (N, T, D).
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
    # torch's fused attention in bf16 on a CPU is the slower one with its backward pass:
    # 4.2 against 1.8 ms an image and block of ViT-B/16 (torch 2.8, two cores with AMX).
    trains_bf16 = q.requires_grad and q.dtype != torch.float32
    if _FUSED and not (trains_bf16 and q.device.type == 'cpu'):
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # (N, heads, T, T)
    return scores.softmax(-1, dtype=q.dtype) @ v


class QuickGELU(nn.Module):
    """CLIP's ``x * sigmoid(1.702 x)``, which keeps x alone for the backward pass.

    CLIP's own module keeps three tensors of this size for the same values.

    Source: Hendrycks and Gimpel, arXiv:1606.08415.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Compute (…), of the type of x."""
        if x.requires_grad:
            return _QuickGELU.apply(x)
        return (x * 1.702).sigmoid_().mul_(x)


class _QuickGELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x * 1.702).sigmoid_().mul_(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]
        (x,) = ctx.saved_tensors
        if _FUSED or x.dtype == torch.float32:
            # x sigmoid(1.702 x) = silu(1.702 x) / 1.702
            return torch.ops.aten.silu_backward(grad, x * 1.702)
        # Before torch 2.0 that takes twice the time of these in bf16, and rounds more.
        s = (x * 1.702).sigmoid_()
        slope = torch.ops.aten.sigmoid_backward(grad * x, s)
        return (grad * s).add_(slope, alpha=1.702)


def encode_by_resnet(visual: ModifiedResNet, images: Tensor) -> Tensor:
    """Turn images (N, 3, H, W) into features (N, D)."""
    # The first convolution (kernel 3, stride 2, padding 1) rounds up, the four average
    # pools of stride 2 round down.
    height, width = ((side + 1) // 2 // 16 for side in images.shape[-2:])
    if not height or not width:
        raise ValueError(
            f'images are {images.shape[-2]}x{images.shape[-1]}; CLIP ResNets need at '
            'least 31 pixels a side. Resize them in the data pipeline.'
        )
    positions = visual.attnpool.positional_embedding
    resized = resize_positions(positions, (height, width))
    if resized is not positions:
        visual = _with_positions(visual, resized)
    return visual(images)


def _with_positions(visual: ModifiedResNet, positions: Tensor) -> ModifiedResNet:
    """Return a tower that shares all but these; the other serves threads meanwhile."""
    pool, tower = copy.copy(visual.attnpool), copy.copy(visual)
    pool._parameters = {**pool._parameters, 'positional_embedding': positions}
    tower._modules = {**tower._modules, 'attnpool': pool}
    return tower
