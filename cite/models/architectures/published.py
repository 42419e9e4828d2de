"""Published pathology and retina models that are ViTs of timm, each under its own name.

The name determines the sizes and the images' mean and std, so neither can be forgotten.
Both come from the models' own pages, which docs/MODEL_ZOO.md lists.
"""

from dataclasses import replace
from typing import Any

from timm.layers import SwiGLUPacked
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from cite.core.image_stats import HALF, IMAGENET, OPENAI_CLIP, ImageStats

from .timm_config import timm_config

SMALL = {'embed_dim': 384, 'depth': 12, 'num_heads': 6, 'patch_size': 16}
BASE = {'embed_dim': 768, 'depth': 12, 'num_heads': 12, 'patch_size': 16}
LARGE = {'embed_dim': 1024, 'depth': 24, 'num_heads': 16, 'patch_size': 16}
HUGE = {'embed_dim': 1280, 'depth': 32, 'num_heads': 16, 'patch_size': 14}
GIANT = {'embed_dim': 1536, 'depth': 40, 'num_heads': 24, 'patch_size': 14}
DINOV2 = {'init_values': 1e-5}
GATED = {**DINOV2, 'mlp_layer': SwiGLUPacked, 'act_layer': nn.SiLU}
# 2.66667 for each half, as in DINOv2's giant; Virchow has 5.3375.
HALVES = {**GATED, 'mlp_ratio': 2.66667 * 2}
# uni/get_encoder/get_encoder.py of mahmoodlab/UNI resizes as torchvision does.
BILINEAR = replace(IMAGENET, interpolation='bilinear')
H_OPTIMUS = ImageStats(
    (0.707223, 0.578729, 0.703617), (0.211883, 0.230117, 0.177517), size=224
)

# Arguments of timm's VisionTransformer, and statistics of the images.
MODELS: dict[str, tuple[dict[str, Any], ImageStats]] = {
    'retfound': (LARGE, IMAGENET),
    'hipt_256': ({**SMALL, 'img_size': 256}, HALF),
    'biomedclip': (BASE, OPENAI_CLIP),
    # conch/open_clip_custom/factory.py of mahmoodlab/CONCH.
    'conch': ({**BASE, 'img_size': 448, 'init_values': 1.0}, OPENAI_CLIP),
    'uni': ({**LARGE, **DINOV2}, BILINEAR),
    'uni2_h': (
        {**GIANT, **HALVES, 'depth': 24, 'reg_tokens': 8, 'no_embed_class': True},
        BILINEAR,
    ),
    'virchow': ({**HUGE, **GATED, 'mlp_ratio': 5.3375}, IMAGENET),
    'virchow2': (
        {**HUGE, **GATED, 'mlp_ratio': 5.3375, 'reg_tokens': 4},
        IMAGENET,
    ),
    'prov_gigapath': (
        {**GIANT, **GATED, 'patch_size': 16, 'mlp_ratio': 5.33334},
        IMAGENET,
    ),
    'h_optimus_0': (
        {**GIANT, **HALVES, 'reg_tokens': 4, 'no_embed_class': True},
        H_OPTIMUS,
    ),
}

default_cfgs = generate_default_cfgs(
    {
        name: timm_config(
            replace(stats, size=sizes.get('img_size', 224)), 'patch_embed.proj'
        )
        for name, (sizes, stats) in MODELS.items()
    }
)


def _register(name: str) -> None:
    def build(pretrained: bool = False, **kwargs: Any) -> VisionTransformer:
        arguments = {'img_size': 224, **MODELS[name][0], **kwargs}
        return build_model_with_cfg(VisionTransformer, name, pretrained, **arguments)

    build.__name__ = name
    build.__module__ = __name__
    globals()[name] = register_model(build)


for _name in MODELS:
    _register(_name)
