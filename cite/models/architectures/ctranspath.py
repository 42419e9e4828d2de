"""CTransPath: a Swin-T whose patches are embedded by three convolutions.

Source: Wang et al., *Transformer-based unsupervised contrastive learning for
histopathological image classification*, Medical Image Analysis 2022, section 3.1.
"""

from typing import Any

from timm.layers import PatchEmbed
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.swin_transformer import SwinTransformer
from torch import nn

from cite.core.image_stats import IMAGENET_BILINEAR

from .published import timm_config

_CONFIG = timm_config(IMAGENET_BILINEAR, 'patch_embed.proj.0', 'head.fc')
default_cfgs = generate_default_cfgs({'ctranspath': _CONFIG})


class ConvStem(PatchEmbed):
    """Embed 4x4 patches by two 3x3 convolutions of stride 2 and a 1x1 convolution."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        width = self.proj.out_channels
        layers: list[nn.Module] = []
        channels = self.proj.in_channels
        for out in (width // 8, width // 4):
            layers += [
                nn.Conv2d(channels, out, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(inplace=True),
            ]
            channels = out
        stem: Any = nn.Sequential(*layers, nn.Conv2d(channels, width, 1))
        self.proj = stem


@register_model
def ctranspath(pretrained: bool = False, **kwargs: Any) -> SwinTransformer:
    """Build CTransPath's image encoder (Swin-T, 768 wide)."""
    sizes = {
        'patch_size': 4,
        'window_size': 7,
        'embed_dim': 96,
        'depths': (2, 2, 6, 2),
        'num_heads': (3, 6, 12, 24),
        'embed_layer': ConvStem,
    }
    return build_model_with_cfg(
        SwinTransformer, 'ctranspath', pretrained, **{**sizes, **kwargs}
    )
