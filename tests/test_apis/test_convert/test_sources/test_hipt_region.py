"""HIPT's region model: its two ViTs, put together from transformers' as published."""

import pytest
import torch
from torch import nn
from transformers import ViTConfig, ViTModel


def vit(randomised, width, depth, heads, grid, seed):
    config = ViTConfig(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        image_size=16 * grid,
        layer_norm_eps=1e-6,
    )
    return randomised(ViTModel(config, add_pooling_layer=False), seed)


def encode(model, x):
    """Blocks and norm; transformers 4's blocks return a tuple."""
    for block in next(m for m in model.modules() if isinstance(m, nn.ModuleList)):
        x = block(x)
        x = x[0] if isinstance(x, tuple) else x
    return model.layernorm(x)[:, 0]


class Reference(nn.Module):
    """Chen et al., 2022: class tokens of 256 x 256 patches, phi, a ViT over them."""

    def __init__(self, randomised, depth, grid):
        super().__init__()
        self.patches = vit(randomised, 384, depth, 6, 14, 0)
        self.region = vit(randomised, 192, 6, 6, grid, 1)
        self.phi = randomised(nn.Sequential(nn.Linear(384, 192), nn.GELU()), 2)

    def encode_patch(self, patch):
        """The ViT-256; positions as in DINO's interpolate_pos_encoding, 14 to 16."""
        embeddings = self.patches.embeddings
        patches = embeddings.patch_embeddings.projection(patch).flatten(2).mT
        own = embeddings.position_embeddings
        grid = own[:, 1:].reshape(1, 14, 14, 384).permute(0, 3, 1, 2)
        grid = nn.functional.interpolate(grid, scale_factor=16.1 / 14, mode='bicubic')
        grid = grid.permute(0, 2, 3, 1).reshape(1, 256, 384)
        first = embeddings.cls_token + own[:, :1]
        tokens = torch.cat([first.expand(len(patch), -1, -1), patches + grid], 1)
        return encode(self.patches, tokens)

    def forward(self, region):
        rows = []
        for y in range(0, region.shape[-2], 256):
            for x in range(0, region.shape[-1], 256):
                rows.append(self.encode_patch(region[..., y : y + 256, x : x + 256]))
        tokens = self.phi(torch.stack(rows, 1))  # (N, patches, 192)
        embeddings = self.region.embeddings
        first = embeddings.cls_token.expand(len(tokens), -1, -1)
        tokens = torch.cat([first, tokens], 1) + embeddings.position_embeddings
        return encode(self.region, tokens)


def teacher(state):
    return {'teacher': {f'backbone.{k}': v for k, v in state.items()}, 'epoch': 1}


@pytest.fixture
def published(tmp_path, randomised, timm_names):
    """Both files as HIPT publishes them, and what they compute."""
    reference = Reference(randomised, depth=12, grid=2)
    region = timm_names(reference.region)
    region = {k: v for k, v in region.items() if 'patch_embed' not in k}
    region.update({f'phi.{k}': v for k, v in reference.phi.state_dict().items()})
    region['head.mlp.0.weight'] = torch.ones(2, 2)
    torch.save(teacher(region), tmp_path / 'vit4k_xs_dino.pth')
    torch.save(
        teacher(timm_names(reference.patches)), tmp_path / 'vit256_small_dino.pth'
    )
    return reference


def test_features(tmp_path, published, convert, built, assert_same):
    conversion = convert(tmp_path / 'vit4k_xs_dino.pth')
    assert conversion.layout == 'HIPT ViT-4K'
    assert conversion.dropped == ['head.mlp.0.weight']
    assert conversion.stats.mean == (0.5, 0.5, 0.5)
    backbone = built(conversion)
    region = torch.randn(1, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_same(backbone(region), published(region))


def test_the_patch_model_alone(tmp_path, published, convert, built, assert_same):
    conversion = convert(tmp_path / 'vit256_small_dino.pth')
    assert conversion.layout == 'HIPT ViT-256'
    assert (conversion.stats.size, conversion.stats.mean) == (256, (0.5, 0.5, 0.5))
    patch = torch.randn(2, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert_same(built(conversion)(patch), published.encode_patch(patch))


def test_the_patch_model_has_to_be_beside_it(tmp_path, published, convert):
    (tmp_path / 'vit256_small_dino.pth').unlink()
    with pytest.raises(ValueError, match=r'put vit256_small_dino\.pth'):
        convert(tmp_path / 'vit4k_xs_dino.pth')
