"""InternImage as published, rewritten over a state dict.

Source: Wang et al., CVPR 2023, section 3; names as in OpenGVLab's files.
"""

import torch
from torch.nn import functional as F


def bilinear(values, x, y):
    """Values (C, H, W) at positions x and y (M,); zero outside."""
    _, height, width = values.shape
    total = 0
    for near_x in (x.floor(), x.floor() + 1):
        for near_y in (y.floor(), y.floor() + 1):
            weight = (1 - (x - near_x).abs()) * (1 - (y - near_y).abs())
            inside = (
                (near_x >= 0) & (near_x < width) & (near_y >= 0) & (near_y < height)
            )
            column = near_x.clamp(0, width - 1).long()
            row = near_y.clamp(0, height - 1).long()
            total = total + values[:, row, column] * weight * inside
    return total


class Published:
    """Computes features out of a published state dict."""

    def __init__(self, state, groups, post_norm):
        self.state, self.groups, self.post_norm = state, groups, post_norm

    def linear(self, x, name):
        return F.linear(x, self.state[f'{name}.weight'], self.state[f'{name}.bias'])

    def norm(self, x, name):
        weight, bias = (self.state[f'{name}.{k}'] for k in ('weight', 'bias'))
        return F.layer_norm(x, weight.shape, weight, bias, 1e-6)

    def conv(self, x, name, **options):
        bias = self.state.get(f'{name}.bias')
        x = F.conv2d(x.movedim(-1, 1), self.state[f'{name}.weight'], bias, **options)
        return x.movedim(1, -1)

    def dcn(self, x, name, groups):
        n, height, width, channels = x.shape
        values = self.linear(x, f'{name}.input_proj')
        local = self.conv(x, f'{name}.dw_conv.0', padding=1, groups=channels)
        local = F.gelu(self.norm(local, f'{name}.dw_conv.1.1'))
        offset = self.linear(local, f'{name}.offset').view(
            n, height, width, groups, 9, 2
        )
        mask = self.linear(local, f'{name}.mask').view(n, height, width, groups, 9)
        mask = mask.softmax(-1)
        rows, columns = torch.meshgrid(
            torch.arange(height), torch.arange(width), indexing='ij'
        )
        out = torch.zeros_like(values)
        per = channels // groups
        for image in range(n):
            for g in range(groups):
                own = values[image, :, :, g * per : (g + 1) * per].permute(2, 0, 1)
                for k in range(9):
                    x_at = columns + k // 3 - 1 + offset[image, :, :, g, k, 0]
                    y_at = rows + k % 3 - 1 + offset[image, :, :, g, k, 1]
                    found = bilinear(own, x_at.flatten(), y_at.flatten())
                    found = found.view(per, height, width) * mask[image, :, :, g, k]
                    out[image, :, :, g * per : (g + 1) * per] += found.permute(1, 2, 0)
        return self.linear(out, f'{name}.output_proj')

    def mlp(self, x, name):
        return self.linear(F.gelu(self.linear(x, f'{name}.fc1')), f'{name}.fc2')

    def block(self, x, name, groups):
        steps = (
            ('norm1.0', 'gamma1', lambda v: self.dcn(v, f'{name}.dcn', groups)),
            ('norm2.0', 'gamma2', lambda v: self.mlp(v, f'{name}.mlp')),
        )
        for norm, gamma, operation in steps:
            scale = self.state.get(f'{name}.{gamma}', 1)
            if self.post_norm:
                x = x + scale * self.norm(operation(x), f'{name}.{norm}')
            else:
                x = x + scale * operation(self.norm(x, f'{name}.{norm}'))
        return x

    def __call__(self, images):
        x = self.conv(images.movedim(1, -1), 'patch_embed.conv1', stride=2, padding=1)
        x = F.gelu(self.norm(x, 'patch_embed.norm1.1'))
        x = self.conv(x, 'patch_embed.conv2', stride=2, padding=1)
        x = self.norm(x, 'patch_embed.norm2.1')
        for i, groups in enumerate(self.groups):
            j = 0
            while f'levels.{i}.blocks.{j}.norm1.0.weight' in self.state:
                x = self.block(x, f'levels.{i}.blocks.{j}', groups)
                j += 1
            if not self.post_norm:
                x = self.norm(x, f'levels.{i}.norm.0')
            if i < 3:
                x = self.conv(x, f'levels.{i}.downsample.conv', stride=2, padding=1)
                x = self.norm(x, f'levels.{i}.downsample.norm.1')
        x = self.conv(x, 'conv_head.0').movedim(-1, 1)
        statistics = [
            self.state[f'conv_head.1.0.{k}']
            for k in ('running_mean', 'running_var', 'weight', 'bias')
        ]
        return F.gelu(F.batch_norm(x, *statistics)).mean((2, 3))
