"""CTransPath: transformers' Swin behind the published stem is the reference."""

import pytest
import torch
from torch import nn
from transformers import SwinConfig, SwinModel

SIZES = {'depths': [2, 2, 6, 2], 'num_heads': [3, 6, 12, 24], 'embed_dim': 96}
NAMES = (
    ('encoder.layers', 'layers'),
    ('attention.output.dense', 'attn.proj'),
    ('attention.self.relative', 'attn.relative'),
    ('intermediate.dense', 'mlp.fc1'),
    ('output.dense', 'mlp.fc2'),
    ('layernorm_before', 'norm1'),
    ('layernorm_after', 'norm2'),
    ('embeddings.norm', 'patch_embed.norm'),
    ('layernorm.', 'norm.'),
)


def stem(width):
    """Wang et al., 2022: conv 3x3/2, norm, ReLU, twice; then a 1x1 convolution."""
    return nn.Sequential(
        nn.Conv2d(3, width // 8, 3, 2, 1, bias=False),
        nn.BatchNorm2d(width // 8),
        nn.ReLU(),
        nn.Conv2d(width // 8, width // 4, 3, 2, 1, bias=False),
        nn.BatchNorm2d(width // 4),
        nn.ReLU(),
        nn.Conv2d(width // 4, width, 1),
    )


class Reference(nn.Module):
    def __init__(self, randomised):
        super().__init__()
        self.stem = randomised(stem(96), 1)
        for norm in (self.stem[1], self.stem[4]):
            norm.running_mean.uniform_(-0.5, 0.5)
            norm.running_var.uniform_(0.5, 2)
        self.swin = randomised(SwinModel(SwinConfig(**SIZES, image_size=224)), 0)
        del self.swin.embeddings.patch_embeddings

    def forward(self, images):
        maps = self.stem(images)  # (N, 96, H/4, W/4)
        tokens = self.swin.embeddings.norm(maps.flatten(2).transpose(1, 2))
        encoded = self.swin.encoder(tokens, tuple(maps.shape[-2:]))
        return self.swin.layernorm(encoded.last_hidden_state).mean(1)

    def published(self):
        """Names of timm 0.5, buffers and classifier included."""
        state = {f'patch_embed.proj.{k}': v for k, v in self.stem.state_dict().items()}
        own = self.swin.state_dict()
        for name, tensor in own.items():
            if '.self.query.' in name:
                three = [
                    own[name.replace('query', k)] for k in ('query', 'key', 'value')
                ]
                name, tensor = (
                    name.replace('attention.self.query', 'attn.qkv'),
                    torch.cat(three),
                )
            elif '.self.key.' in name or '.self.value.' in name:
                continue
            for old, new in NAMES:
                name = name.replace(old, new)
            state[name] = tensor
        state['layers.0.blocks.1.attn_mask'] = torch.zeros(64, 49, 49)
        state['head.weight'] = torch.zeros(2, 768)
        return {'model': state}


@pytest.mark.parametrize('layout', [None, 'ctranspath'])
def test_features(tmp_path, randomised, convert, built, assert_same, layout):
    torch.manual_seed(0)
    reference = Reference(randomised).eval()
    torch.save(reference.published(), tmp_path / 'ctranspath.pth')
    conversion = convert(tmp_path / 'ctranspath.pth', layout=layout)
    assert conversion.layout == 'CTransPath'
    assert all(
        'attn_mask' in n or 'index' in n or 'head' in n for n in conversion.dropped
    )
    backbone = built(conversion)
    images = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert_same(backbone(images), reference(images))
        # Another size: as many windows as it takes.
        images = torch.randn(1, 3, 224, 448)
        assert_same(backbone(images), reference(images))


def test_mi_zeros_image_tower(tmp_path, randomised, convert, built, assert_same):
    """MI-Zero's file: the trunk beside a projection and a text tower.

    At its 448 pixels the last stage has more than one window, which are then shifted:
    the model has to be told the size.
    """
    torch.manual_seed(0)
    reference = Reference(randomised).eval()
    state = {
        f'module.visual.trunk.{name}': tensor
        for name, tensor in reference.published()['model'].items()
        if not name.startswith('head.')
    }
    state['module.visual.head.proj.weight'] = torch.ones(2, 768)
    state['module.transformer.embeddings.LayerNorm.weight'] = torch.ones(2)
    state['module.text_projection'] = torch.ones(2, 2)
    torch.save({'state_dict': state}, tmp_path / 'ctranspath_448_pubmedbert.pt')
    conversion = convert(tmp_path / 'ctranspath_448_pubmedbert.pt')
    assert conversion.layout == 'CTransPath'
    assert 'text_projection' in conversion.dropped
    images = torch.randn(1, 3, 448, 448)
    with torch.no_grad():
        assert_same(built(conversion, img_size=448)(images), reference(images))
