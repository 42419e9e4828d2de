"""CTransPath as published: transformers' Swin behind the published stem."""

import torch
from torch import nn
from transformers import SwinConfig, SwinModel

from cite.models.backbones.transformers_names import older_state

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
        own = older_state(self.swin.state_dict())
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
