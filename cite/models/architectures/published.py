"""Published models that are timm's ViTs and ResNets, each under a name of its own.

The name determines the sizes and the images' mean and std, so neither can be forgotten.
Both come from the models' own pages, which docs/MODEL_ZOO.md lists.

Source of REMEDIS (BiT's ResNets; the published graph turns pixels x into 2x - 1):
Azizi et al., *Robust and data-efficient generalization of self-supervised machine
learning for diagnostic imaging*, Nature Biomedical Engineering 2023, Methods;
Kolesnikov et al., *Big Transfer (BiT)*, ECCV 2020.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from timm.layers import StdConv2d, SwiGLUPacked
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.resnetv2 import ResNetV2
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from cite.core.image_stats import (
    HALF,
    IMAGENET,
    IMAGENET_BILINEAR,
    OPENAI_CLIP,
    ImageStats,
)

SMALL = {'embed_dim': 384, 'depth': 12, 'num_heads': 6, 'patch_size': 16}
BASE = {'embed_dim': 768, 'depth': 12, 'num_heads': 12, 'patch_size': 16}
LARGE = {'embed_dim': 1024, 'depth': 24, 'num_heads': 16, 'patch_size': 16}
HUGE = {'embed_dim': 1280, 'depth': 32, 'num_heads': 16, 'patch_size': 14}
GIANT = {'embed_dim': 1536, 'depth': 40, 'num_heads': 24, 'patch_size': 14}
DINOV2 = {'init_values': 1e-5}
GATED = {**DINOV2, 'mlp_layer': SwiGLUPacked, 'act_layer': nn.SiLU}
# 2.66667 for each half, as in DINOv2's giant; Virchow has 5.3375.
HALVES = {**GATED, 'mlp_ratio': 2.66667 * 2}
H_OPTIMUS = ImageStats(
    (0.707223, 0.578729, 0.703617), (0.211883, 0.230117, 0.177517), size=224
)

# Arguments of timm's VisionTransformer, and statistics of the images.
MODELS: dict[str, tuple[dict[str, Any], ImageStats]] = {
    'retfound': (LARGE, IMAGENET),
    # Trained on 14 x 14 patches and used on 16 x 16.
    'hipt_256': (SMALL, replace(HALF, size=256)),
    'biomedclip': (BASE, OPENAI_CLIP),
    # conch/open_clip_custom/ of mahmoodlab/CONCH. CONCH v1.5 is another model.
    'conch': ({**BASE, 'img_size': 448}, replace(OPENAI_CLIP, size=448)),
    # uni/get_encoder/get_encoder.py of mahmoodlab/UNI.
    'uni': ({**LARGE, **DINOV2}, IMAGENET_BILINEAR),
    'uni2_h': (
        {**GIANT, **HALVES, 'depth': 24, 'reg_tokens': 8, 'no_embed_class': True},
        IMAGENET_BILINEAR,
    ),
    'virchow': ({**HUGE, **GATED, 'mlp_ratio': 5.3375}, IMAGENET),
    'virchow2': ({**HUGE, **GATED, 'mlp_ratio': 5.3375, 'reg_tokens': 4}, IMAGENET),
    'prov_gigapath': (
        {**GIANT, **GATED, 'patch_size': 16, 'mlp_ratio': 5.33334},
        IMAGENET,
    ),
    'h_optimus_0': (
        {**GIANT, **HALVES, 'reg_tokens': 4, 'no_embed_class': True},
        H_OPTIMUS,
    ),
}
# The small model is 2048 wide, the large one 4096.
REMEDIS: dict[str, dict[str, Any]] = {
    'remedis_50x1': {'layers': (3, 4, 6, 3)},
    'remedis_152x2': {'layers': (3, 8, 36, 3), 'width_factor': 2},
}
# Epsilon of standardised convolutions in BiT's own code, bit_tf2/models.py and
# bit_pytorch/models.py of google-research/big_transfer. timm's is 1e-8.
BIT_EPS = 1e-10
BIT = {'stem_type': 'fixed', 'conv_layer': partial(StdConv2d, eps=BIT_EPS)}


def timm_config(
    stats: ImageStats, first_conv: str, classifier: str = 'head'
) -> dict[str, Any]:
    """Return timm's ``default_cfgs`` entry of a model without a classifier.

    Args:
        stats: statistics, interpolation and size of its images.
        first_conv: name of the layer that takes the images.
        classifier: name of the classifier that timm would add.
    """
    return {
        'num_classes': 0,
        'input_size': (3, stats.size, stats.size),
        'interpolation': stats.interpolation,
        'crop_pct': 1.0,
        'mean': stats.mean,
        'std': stats.std,
        'first_conv': first_conv,
        'classifier': classifier,
    }


def _configs() -> dict[str, Any]:
    configs = {name: timm_config(HALF, 'stem.conv', 'head.fc') for name in REMEDIS}
    for name, (_, stats) in MODELS.items():
        configs[name] = timm_config(stats, 'patch_embed.proj')
    return configs


default_cfgs = generate_default_cfgs(_configs())


def _register(name: str, kind: Any, sizes: Mapping[str, Any]) -> None:
    def build(pretrained: bool = False, **kwargs: Any) -> Any:
        return build_model_with_cfg(kind, name, pretrained, **{**sizes, **kwargs})

    build.__name__ = name
    build.__module__ = __name__
    globals()[name] = register_model(build)


for _name, (_sizes, _) in MODELS.items():
    _register(_name, VisionTransformer, {'img_size': 224, **_sizes})
for _name, _sizes in REMEDIS.items():
    _register(_name, ResNetV2, {**BIT, **_sizes})
