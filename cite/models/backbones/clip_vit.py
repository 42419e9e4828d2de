"""The parts of CLIP's vision transformer, for any image size.

Source: Radford et al., *Learning Transferable Visual Models From Natural Language
Supervision*, ICML 2021, section 2.4; the modules are those of OpenAI's ``clip``.

Tokens are (N, T, D) throughout.
"""

import torch
from clip.model import ResidualAttentionBlock, VisionTransformer
from torch import Tensor

from cite.models.half_precision import full_precision

from .attention import attend
from .image_size import patch_grid, resize_positions


def embed(visual: VisionTransformer, images: Tensor) -> Tensor:
    """Turn images (N, 3, H, W) into the first block's tokens (N, 1 + patches, D).

    Under autocast the tokens, which every block adds to, stay fp32; CLIP itself would
    round them to half precision at each block.
    """
    grid = patch_grid(images, visual.conv1.kernel_size)
    x = visual.conv1(images).flatten(2).transpose(1, 2)  # (N, patches, D)
    class_token = visual.class_embedding.expand(len(x), 1, -1)
    x = torch.cat([class_token, x.to(class_token.dtype)], dim=1)
    x = x + resize_positions(visual.positional_embedding, grid)
    return visual.ln_pre(x)


def run_block(
    block: ResidualAttentionBlock, tokens: Tensor, class_only: bool = False
) -> Tensor:
    """Run one of CLIP's residual attention blocks.

    The block's own forward pass is for tokens (T, N, D) and copies them to and fro.

    Args:
        block: its weights and norms.
        tokens: (N, T, D).
        class_only: work out the class token alone, for the last block, of which nothing
            else is read. That saves three quarters of its matrix products.

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
