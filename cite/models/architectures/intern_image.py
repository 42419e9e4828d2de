"""InternImage (INTERN-2.5) T, S and B under their published names.

Source: Wang et al., *InternImage: Exploring Large-Scale Vision Foundation Models with
Deformable Convolutions*, CVPR 2023, arXiv:2211.05778, section 3.2.
"""

from collections.abc import Sequence

import torch
from timm.layers import Mlp
from torch import Tensor, nn

from .dcnv3 import DCNv3

HEAD_RATIO = 1.5  # width of the last convolution over that of the last stage


def layer_norm(width: int, identities: int = 0) -> nn.Sequential:
    """Build a layer norm; published names count the permutations before it."""
    return nn.Sequential(
        *[nn.Identity() for _ in range(identities)], nn.LayerNorm(width, eps=1e-6)
    )


def channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


class Stem(nn.Module):
    """Two convolutions of stride 2: images (N, 3, H, W) to (N, H/4, W/4, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width // 2, 3, stride=2, padding=1)
        self.norm1 = layer_norm(width // 2, identities=1)
        self.act = nn.GELU()
        self.conv2 = nn.Conv2d(width // 2, width, 3, stride=2, padding=1)
        self.norm2 = layer_norm(width, identities=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.norm1(channels_last(self.conv1(x))))
        return self.norm2(channels_last(self.conv2(channels_first(x))))


class Downsample(nn.Module):
    """A convolution of stride 2: (N, H, W, C) to (N, H/2, W/2, 2 C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False)
        self.norm = layer_norm(2 * width, identities=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(channels_last(self.conv(channels_first(x))))


class Layer(nn.Module):
    """DCNv3 and a feed-forward network, each with norm and residual connection."""

    def __init__(
        self, width: int, groups: int, post_norm: bool, layer_scale: bool
    ) -> None:
        super().__init__()
        self.post_norm = post_norm
        self.norm1 = layer_norm(width)
        self.dcn = DCNv3(width, groups)
        self.norm2 = layer_norm(width)
        self.mlp = Mlp(width, 4 * width)
        self.layer_scale = layer_scale
        if layer_scale:
            self.gamma1 = nn.Parameter(torch.ones(width))
            self.gamma2 = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        gammas = (self.gamma1, self.gamma2) if self.layer_scale else (1, 1)
        parts = ((self.norm1, self.dcn), (self.norm2, self.mlp))
        for gamma, (norm, operation) in zip(gammas, parts):
            update = norm(operation(x)) if self.post_norm else operation(norm(x))
            x = x + gamma * update
        return x


class Stage(nn.Module):
    """Layers of one resolution; all stages but the last end in a downsampling."""

    def __init__(
        self,
        width: int,
        depth: int,
        groups: int,
        last: bool,
        post_norm: bool,
        layer_scale: bool,
    ) -> None:
        super().__init__()
        layers = (Layer(width, groups, post_norm, layer_scale) for _ in range(depth))
        self.blocks = nn.ModuleList(layers)
        self.norm = None if post_norm else layer_norm(width)
        self.downsample = None if last else Downsample(width)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        x = x if self.norm is None else self.norm(x)
        return x if self.downsample is None else self.downsample(x)


class InternImageModel(nn.Module):
    """InternImage without its classifier.

    Args:
        channels: width of the first stage; it doubles with each.
        depths: layers of the stages.
        groups: groups of DCNv3 in the stages.
        post_norm: norms after the operations instead of before.
        layer_scale: whether residuals are scaled by learned factors.
    """

    def __init__(
        self,
        channels: int,
        depths: Sequence[int],
        groups: Sequence[int],
        post_norm: bool = False,
        layer_scale: bool = False,
    ) -> None:
        super().__init__()
        self.patch_embed = Stem(channels)
        last = len(depths) - 1
        self.levels = nn.ModuleList(
            Stage(channels * 2**i, depth, groups[i], i == last, post_norm, layer_scale)
            for i, depth in enumerate(depths)
        )
        width = channels * 2**last
        self.num_features = int(HEAD_RATIO * width)
        norm = nn.Sequential(nn.BatchNorm2d(self.num_features))
        convolution = nn.Conv2d(width, self.num_features, 1, bias=False)
        self.conv_head = nn.Sequential(convolution, norm, nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        """Encode images (N, 3, H, W) into features (N, 1.5 * width)."""
        x = self.patch_embed(x)
        for level in self.levels:
            x = level(x)  # (N, H, W, C)
        return self.conv_head(channels_first(x)).mean((2, 3))
