"""Deformable convolution v3 in pure PyTorch.

Source: Wang et al., *InternImage: Exploring Large-Scale Vision Foundation Models with
Deformable Convolutions*, CVPR 2023, arXiv:2211.05778, section 3.1, equation 2.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNEL = 3
POINTS = KERNEL * KERNEL


def sample(values: Tensor, offsets: Tensor, weights: Tensor, groups: int) -> Tensor:
    """Sum a map's values at the 3 x 3 neighbours, each moved by its offset.

    Args:
        values: (N, H, W, C); zero outside, bilinear between pixels.
        offsets: (N, H, W, groups * 9 * 2), pixels; x, then y of each point. Points run
            down the kernel's columns, the left one first.
        weights: (N, H, W, groups * 9).
        groups: number G of groups; each moves its C / G channels by its own offsets.

    Returns:
        (N, H, W, C).
    """
    n, height, width, _ = values.shape
    size = values.new_tensor([width, height])
    points = _neighbours(height, width, values)  # (H, W, 1, 9, 2)
    points = points + offsets.view(n, height, width, groups, POINTS, 2)
    grid = (2 * points + 1) / size - 1  # grid_sample's -1 to 1, edge to edge
    grid = grid.permute(0, 3, 1, 2, 4, 5).reshape(n * groups, height * width, POINTS, 2)
    maps = values.view(n, height, width, groups, -1).permute(0, 3, 4, 1, 2)
    sampled = F.grid_sample(
        maps.flatten(0, 1), grid, padding_mode='zeros', align_corners=False
    )  # (N * G, C / G, H * W, 9)
    weights = weights.view(n, height * width, groups, POINTS).transpose(1, 2)
    sampled = sampled * weights.reshape(n * groups, 1, height * width, POINTS)
    return sampled.sum(-1).view(n, -1, height, width).permute(0, 2, 3, 1)


def _neighbours(height: int, width: int, like: Tensor) -> Tensor:
    """Return x and y of every pixel's nine neighbours, (H, W, 1, 9, 2)."""
    shift = torch.arange(KERNEL, device=like.device, dtype=like.dtype) - KERNEL // 2
    x = torch.arange(width, device=like.device, dtype=like.dtype)
    y = torch.arange(height, device=like.device, dtype=like.dtype)
    dx, dy = shift.repeat_interleave(KERNEL), shift.repeat(KERNEL)
    xs = (x[None, :, None] + dx).expand(height, -1, -1)
    ys = (y[:, None, None] + dy).expand(-1, width, -1)
    return torch.stack([xs, ys], -1).unsqueeze(2)


class DCNv3(nn.Module):
    """Deformable 3 x 3 convolution whose offsets and weights come from the input.

    Args:
        channels: number C of channels.
        groups: number G of groups, a divisor of C.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.groups = groups
        self.dw_conv = nn.Sequential(
            nn.Conv2d(channels, channels, KERNEL, padding=1, groups=channels),
            # The published names count the permutation in front of the norm.
            nn.Sequential(nn.Identity(), nn.LayerNorm(channels, eps=1e-6)),
            nn.GELU(),
        )
        self.offset = nn.Linear(channels, groups * POINTS * 2)
        self.mask = nn.Linear(channels, groups * POINTS)
        self.input_proj = nn.Linear(channels, channels)
        self.output_proj = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a map (N, H, W, C)."""
        convolve, norm, act = self.dw_conv
        local = act(norm(convolve(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)))
        weights = self.mask(local).unflatten(-1, (self.groups, POINTS)).softmax(-1)
        # Half precision is too coarse for positions.
        summed = sample(
            self.input_proj(x).float(),
            self.offset(local).float(),
            weights.flatten(-2).float(),
            self.groups,
        )
        return self.output_proj(summed.to(x.dtype))
