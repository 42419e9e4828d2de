"""HIPT's region model: a ViT-XS over the class tokens of a ViT-S of 256 x 256 patches.

Source: Chen et al., *Scaling Vision Transformers to Gigapixel Images via Hierarchical
Self-Supervised Learning*, CVPR 2022, sections 3.1 and 3.2.
"""

from dataclasses import replace
from functools import partial
from typing import Any

from timm.layers import PatchEmbed
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from cite.core.image_stats import HALF

from .published import timm_config

PATCH = 256  # pixels
# Both were trained on 14 x 14 patches and are used on 16 x 16: positions are resized.
GRID = 14
_STATS = replace(HALF, size=16 * PATCH)
_CONFIG = timm_config(_STATS, 'patch_embed.vit.patch_embed.proj')
default_cfgs = generate_default_cfgs({'hipt_4k': _CONFIG})


class RegionEmbed(PatchEmbed):
    """Embed patches of 256 x 256 pixels by a ViT-S/16's class token and one layer.

    Args:
        *args, **kwargs: arguments of timm's ``PatchEmbed``.
        vit: options of the ViT-S/16 (timm's ``VisionTransformer``) to change.
    """

    def __init__(self, *args: Any, vit: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        width = self.proj.out_channels
        del self.proj
        sizes = {'img_size': 224, 'patch_size': 16, 'embed_dim': 384, 'num_heads': 6}
        options = {**sizes, 'num_classes': 0, 'dynamic_img_size': True, **(vit or {})}
        self.vit = VisionTransformer(**options)
        self.phi = nn.Sequential(nn.Linear(self.vit.embed_dim, width), nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        """Embed regions (N, 3, H, W) into (N, H / 256, W / 256, D)."""
        rows, columns = (side // p for side, p in zip(x.shape[-2:], self.patch_size))
        x = x.unflatten(-1, (columns, -1)).unflatten(-3, (rows, -1))
        x = x.permute(0, 2, 4, 1, 3, 5)  # (N, rows, columns, 3, 256, 256)
        tokens = self.vit.forward_features(x.flatten(0, 2))[:, 0]  # (N * patches, 384)
        x = self.phi(tokens).unflatten(0, (-1, rows, columns))  # (N, rows, columns, D)
        return x if self.output_fmt == 'NHWC' else x.flatten(1, 2)


@register_model
def hipt_4k(pretrained: bool = False, **kwargs: Any) -> VisionTransformer:
    """Build HIPT's ViT-256 and ViT-4K as one model of regions (192 wide)."""
    sizes = {
        'img_size': GRID * PATCH,
        'patch_size': PATCH,
        'embed_dim': 192,
        'depth': 6,
        'num_heads': 6,
        'embed_layer': partial(RegionEmbed, vit=kwargs.pop('vit', None)),
    }
    return build_model_with_cfg(
        VisionTransformer, 'hipt_4k', pretrained, **{**sizes, **kwargs}
    )
