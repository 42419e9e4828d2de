"""Tiny reference models with seeded random weights, and ways to load what came out."""

from functools import partial
from pathlib import Path
from typing import Callable

import pytest
import timm
import torch
from mmcls.models import BACKBONES
from torch import nn

import cite.compat  # noqa: F401  (mmcv then reads safetensors)
from cite.apis.convert import Conversion, convert_checkpoint


def randomise(module: nn.Module, seed: int) -> nn.Module:
    """Give every parameter random values, so that no two tensors can be confused."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.2, generator=generator)
        for part in module.modules():
            if isinstance(part, nn.LayerNorm):
                part.weight.add_(1)
    return module.eval()


@pytest.fixture
def randomised() -> Callable[..., nn.Module]:
    return randomise


@pytest.fixture
def tiny_vit() -> Callable[..., nn.Module]:
    """A factory of timm ViTs: 3 blocks, width 32, 4 heads, 4x4 patches of 8x8."""

    def build(seed: int = 0, **changes: object) -> nn.Module:
        sizes = {'img_size': 32, 'patch_size': 8, 'embed_dim': 32, 'depth': 3}
        options = {**sizes, 'num_heads': 4, 'num_classes': 5, **changes}
        norm = partial(nn.LayerNorm, eps=1e-6)
        model = timm.models.vision_transformer.VisionTransformer(
            norm_layer=norm, **options
        )
        return randomise(model, seed)

    return build


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def convert(tmp_path: Path) -> Callable[..., Conversion]:
    """Convert into ``tmp_path / 'out.safetensors'``, without printing."""

    def run(source: Path, **options: object) -> Conversion:
        out = tmp_path / 'out.safetensors'
        return convert_checkpoint(source, out, log=lambda text: None, **options)

    return run


@pytest.fixture
def mmcls_features(tmp_path: Path) -> Callable[..., torch.Tensor]:
    """Features of mmcls' ViT that was built and loaded as a config would do it."""

    def run(conversion: Conversion, images: torch.Tensor, heads: int) -> torch.Tensor:
        config = dict(conversion.config)
        config['arch'] = {**config['arch'], 'num_heads': heads}
        file = str(tmp_path / 'out.safetensors')
        config['init_cfg'] = {
            'type': 'Pretrained',
            'checkpoint': file,
            'prefix': 'backbone',
        }
        model = BACKBONES.build(config)
        model.init_weights()
        model.eval()  # mmcls returns nothing here
        with torch.no_grad():
            patches, class_token = model(images)[-1]
        tokens = [class_token.unsqueeze(1), patches.flatten(2).transpose(1, 2)]
        return torch.cat(tokens, dim=1)  # (N, 1 + patches, D)

    return run


@pytest.fixture
def assert_same() -> Callable[[torch.Tensor, torch.Tensor], None]:
    """At most 1e-5 of the largest value apart."""

    def check(got: torch.Tensor, wanted: torch.Tensor) -> None:
        assert got.shape == wanted.shape
        assert (got - wanted).abs().max() <= 1e-5 * wanted.abs().max()

    return check
