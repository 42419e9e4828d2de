"""Tiny reference models with seeded random weights, and ways to load what came out."""

from functools import partial
from pathlib import Path
from typing import Callable

import pytest
import timm
import torch
from mmcls.models import BACKBONES
from random_weights import randomise
from torch import nn

import cite.compat  # noqa: F401  (mmcv then reads safetensors)
from cite.apis.convert import Conversion, convert_checkpoint
from cite.models.backbones.transformers_names import older_state


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


@pytest.fixture(params=['timm', 'mmcls'])
def to(request: pytest.FixtureRequest) -> str:
    """Return each of the models that a plain ViT can be written for."""
    return request.param


@pytest.fixture
def vit_features(tmp_path: Path) -> Callable[..., torch.Tensor]:
    """Features of a ViT that was built and loaded as a config would do it."""

    def run(conversion: Conversion, images: torch.Tensor, heads: int) -> torch.Tensor:
        config = dict(conversion.config)
        file = str(tmp_path / 'out.safetensors')
        if config['type'] == 'TIMMImageBackbone':
            config.update(num_heads=heads, checkpoint=file)
            with torch.no_grad():
                return BACKBONES.build(config).eval().model.forward_features(images)
        config['arch'] = {**config['arch'], 'num_heads': heads}
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
def built(tmp_path: Path) -> Callable[..., nn.Module]:
    """Build the backbone that the converter prints for the file it wrote."""

    def run(conversion: Conversion, **changes: object) -> nn.Module:
        file = {conversion.file_key: str(tmp_path / 'out.safetensors')}
        return BACKBONES.build({**conversion.config, **file, **changes}).eval()

    return run


@pytest.fixture
def timm_names() -> Callable[[nn.Module], dict[str, torch.Tensor]]:
    """The state of transformers' ViT under the names of MAE, DINO and timm."""

    def run(vit: nn.Module) -> dict[str, torch.Tensor]:
        own = older_state(vit.state_dict())
        state = {}
        for name, tensor in own.items():
            if '.attention.query.' in name:
                three = [
                    own[name.replace('query', k)] for k in ('query', 'key', 'value')
                ]
                name, tensor = name.replace('query', 'qkv'), torch.cat(three)
            elif '.attention.attention.' in name:
                continue
            for old, new in TIMM_NAMES:
                name = name.replace(old, new)
            state[name] = tensor
        return state

    return run


TIMM_NAMES = (
    ('embeddings.position_embeddings', 'pos_embed'),
    ('embeddings.patch_embeddings.projection', 'patch_embed.proj'),
    ('embeddings.', ''),
    ('encoder.layer.', 'blocks.'),
    ('attention.attention.qkv', 'attn.qkv'),
    ('attention.output.dense', 'attn.proj'),
    ('intermediate.dense', 'mlp.fc1'),
    ('output.dense', 'mlp.fc2'),
    ('layernorm_before', 'norm1'),
    ('layernorm_after', 'norm2'),
    ('layernorm.', 'norm.'),
    ('layer_scale1.lambda1', 'ls1.gamma'),
    ('layer_scale2.lambda1', 'ls2.gamma'),
    ('mlp.weights_in', 'mlp.w12'),
    ('mlp.weights_out', 'mlp.w3'),
)


@pytest.fixture
def assert_same() -> Callable[[torch.Tensor, torch.Tensor], None]:
    """At most 1e-5 of the largest value apart; ``-rP`` shows how much."""

    def check(got: torch.Tensor, wanted: torch.Tensor) -> None:
        assert got.shape == wanted.shape
        apart = (got - wanted).abs().max() / wanted.abs().max()
        print(f'parity {apart:.1e}')
        assert apart <= 1e-5

    return check
