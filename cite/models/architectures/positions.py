"""Position embeddings of vision transformers at another size than they were trained at.

Sources: vision_transformer.py of facebookresearch/dino and of facebookresearch/dinov2,
util/pos_embed.py of facebookresearch/mae, vit_jax/checkpoint.py of
google-research/vision_transformer, timm/layers/pos_embed.py of timm.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from mmcls.models.utils import resize_pos_embed
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from cite.core.messages import check_choice


@dataclass(frozen=True)
class PositionRule:
    """How authors interpolate a grid of positions."""

    mode: str = 'bicubic'
    antialias: bool = False
    # Added to the new grid's sides, in patches, where the scale is computed.
    offset: float = 0.0
    align_corners: bool = False


# By the name that a config or a converted file gives.
RULES = {
    # timm; DINOv2 with registers.
    'timm': PositionRule(antialias=True),
    # MAE and what was trained with its code; transformers' ViT and DINOv2.
    'plain': PositionRule(),
    # DINO, HIPT, DINOv2 without registers.
    'dino': PositionRule(offset=0.1),
    # Google's JAX code: scipy's zoom of order 1 maps corners to corners.
    'google': PositionRule('bilinear', align_corners=True),
}


def resize_grid(positions: Tensor, grid: tuple[int, int], rule: PositionRule) -> Tensor:
    """Interpolate the positions of a square of patches.

    Args:
        positions: (1, S * S, D).
        grid: height and width of the new grid, in patches.
        rule: how.

    Returns:
        (1, height * width, D); ``positions`` itself if its grid is that already.
    """
    side = math.isqrt(positions.shape[1])
    if grid == (side, side):
        return positions
    planes = positions.float().unflatten(1, (side, side)).permute(0, 3, 1, 2)
    corners = {'align_corners': True} if rule.align_corners else {}
    if rule.offset:
        scale = tuple((edge + rule.offset) / side for edge in grid)
        size = {'scale_factor': scale}
    else:
        size = {'size': grid}
    planes = F.interpolate(
        planes, mode=rule.mode, antialias=rule.antialias, **size, **corners
    )
    return planes.flatten(2).transpose(1, 2).to(positions.dtype)


class RuledViT(VisionTransformer):
    """timm's vision transformer with a rule of its own for positions."""

    positions: Any  # a PositionRule
    pos_embed: Any
    cls_token: Any
    reg_token: Any

    def _pos_embed(self, x: Tensor) -> Tensor:
        """Add positions to embedded patches (N, H, W, D) behind the leading tokens."""
        leading = 0 if self.no_embed_class else self.num_prefix_tokens
        first, patches = self.pos_embed[:, :leading], self.pos_embed[:, leading:]
        patches = resize_grid(patches, (x.shape[1], x.shape[2]), self.positions)
        tokens = x.flatten(1, 2)  # (N, H * W, D)
        prefix = [
            token.expand(len(x), -1, -1)
            for token in (self.cls_token, self.reg_token)
            if token is not None
        ]
        if self.no_embed_class:
            return self.pos_drop(torch.cat([*prefix, tokens + patches], 1))
        positions = torch.cat([first, patches], 1)
        return self.pos_drop(torch.cat([*prefix, tokens], 1) + positions)


def set_positions(model: nn.Module, name: str) -> None:
    """Make the plain vision transformers in a model interpolate by a rule of ``RULES``.

    Raises:
        ValueError: the rule is unknown, or no plain vision transformer that takes
            images of any size.
    """
    rule = RULES[check_choice('positions', name, tuple(RULES))]
    vits: list[Any] = [
        m for m in model.modules() if type(m) in (VisionTransformer, RuledViT)
    ]
    if not vits or not all(vit.dynamic_img_size for vit in vits):
        raise ValueError(
            f'positions={name!r} is for plain vision transformers of timm that take '
            f'images of any size; this {type(model).__name__} is not one. Leave it out.'
        )
    for vit in vits:
        # timm's builders name their class, so it is changed afterwards.
        vit.__class__ = RuledViT
        vit.positions = rule


def patch_grid(images: Tensor, patch: tuple[int, int]) -> tuple[int, int]:
    """Count the patches of images (N, 3, H, W) along height and width.

    Raises:
        ValueError: patches do not tile the image.
    """
    height, width = map(int, images.shape[-2:])
    patch_height, patch_width = patch
    if height % patch_height or width % patch_width:
        raise ValueError(
            f'images are {height}x{width}, which patches of '
            f'{patch_height}x{patch_width} do not tile. Resize them in the data '
            f'pipeline to multiples of {patch_height} (e.g. '
            f'size={max(1, round(height / patch_height)) * patch_height}).'
        )
    return height // patch_height, width // patch_width


def resize_positions(positions: Tensor, grid: tuple[int, int]) -> Tensor:
    """Interpolate a position embedding, bicubic; the first row is the class token's.

    Args:
        positions: embedding of a square grid, (1 + S * S, D).
        grid: height and width of the new grid, in patches.

    Returns:
        (1 + height * width, D); ``positions`` itself if its grid is that already.
    """
    # int, because torch.jit.trace makes tensors of a shape's numbers.
    side = round((int(positions.shape[0]) - 1) ** 0.5)
    if grid == (side, side):
        return positions
    return resize_pos_embed(positions[None], (side, side), grid)[0]
