"""REMEDIS: BiT's ResNets (group norm, standardised convolutions) on plain pixels.

Source: Azizi et al., *Robust and data-efficient generalization of self-supervised
machine learning for diagnostic imaging*, Nature Biomedical Engineering 2023, Methods;
Kolesnikov et al., *Big Transfer (BiT)*, ECCV 2020.
"""

from functools import partial
from typing import Any

from timm.layers import StdConv2d
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.resnetv2 import ResNetV2

from cite.core.image_stats import UNIT

from .timm_config import timm_config

_NAMES = ('remedis_50x1', 'remedis_152x2')
default_cfgs = generate_default_cfgs(
    {name: timm_config(UNIT, 'stem.conv', 'head.fc') for name in _NAMES}
)


def _build(name: str, pretrained: bool, **kwargs: Any) -> ResNetV2:
    bit = {'stem_type': 'fixed', 'conv_layer': partial(StdConv2d, eps=1e-8)}
    return build_model_with_cfg(ResNetV2, name, pretrained, **{**bit, **kwargs})


@register_model
def remedis_50x1(pretrained: bool = False, **kwargs: Any) -> ResNetV2:
    """Build REMEDIS's small model (2048 wide)."""
    return _build('remedis_50x1', pretrained, **{'layers': (3, 4, 6, 3), **kwargs})


@register_model
def remedis_152x2(pretrained: bool = False, **kwargs: Any) -> ResNetV2:
    """Build REMEDIS's large model (4096 wide)."""
    sizes = {'layers': (3, 8, 36, 3), 'width_factor': 2}
    return _build('remedis_152x2', pretrained, **{**sizes, **kwargs})
