"""The sampling operator against a slow loop over its formula.

Source: Wang et al., CVPR 2023, equation 2: y(p0) = sum over groups g and points k of
m_gk x_g(p0 + p_k + dp_gk), bilinear, zero outside.
"""

import math

import pytest
import torch

from cite.models.architectures.dcnv3 import DCNv3, sample


def pixel(values, row, column):
    height, width, _ = values.shape
    inside = 0 <= row < height and 0 <= column < width
    return values[row, column] if inside else torch.zeros(values.shape[-1])


def bilinear(values, x, y):
    left, top = math.floor(x), math.floor(y)
    right, low = x - left, y - top
    return (
        (1 - low) * (1 - right) * pixel(values, top, left)
        + (1 - low) * right * pixel(values, top, left + 1)
        + low * (1 - right) * pixel(values, top + 1, left)
        + low * right * pixel(values, top + 1, left + 1)
    )


def loop(values, offsets, weights, groups):
    n, height, width, channels = values.shape
    per = channels // groups
    out = torch.zeros_like(values)
    for i in range(n):
        for row in range(height):
            for column in range(width):
                for g in range(groups):
                    part = slice(g * per, (g + 1) * per)
                    for k in range(9):
                        at = g * 9 + k
                        dx, dy = offsets[i, row, column, 2 * at : 2 * at + 2].tolist()
                        x, y = column + k // 3 - 1 + dx, row + k % 3 - 1 + dy
                        value = bilinear(values[i, :, :, part], x, y)
                        out[i, row, column, part] += weights[i, row, column, at] * value
    return out


@pytest.mark.parametrize(('height', 'width', 'groups'), [(4, 5, 1), (3, 6, 2)])
@pytest.mark.parametrize('reach', [0.0, 0.4, 5.0])
def test_sampling_is_the_formulas(height, width, groups, reach):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(2, height, width, *shape, generator=generator).double()

    values, weights = draw(4 * groups), draw(9 * groups)
    offsets = reach * draw(18 * groups)
    got = sample(values, offsets, weights, groups)
    torch.testing.assert_close(got, loop(values, offsets, weights, groups))


def test_gradients_of_offsets_are_those_of_differences():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(1, 3, 3, 2, generator=generator).double()
    # Away from whole pixels, where the slope changes.
    offsets = (0.5 + 0.2 * torch.rand(1, 3, 3, 18, generator=generator)).double()
    weights = torch.rand(1, 3, 3, 9, generator=generator).double()
    inputs = [t.requires_grad_() for t in (values, offsets, weights)]
    assert torch.autograd.gradcheck(lambda *t: sample(*t, 1), inputs)


def test_without_offsets_it_is_a_convolution():
    torch.manual_seed(0)
    layer = DCNv3(8, 2)
    with torch.no_grad():
        for linear in (layer.offset, layer.mask):  # equal weights of nine points
            linear.weight.zero_()
            linear.bias.zero_()
        x = torch.randn(2, 5, 4, 8)
        values = layer.input_proj(x).permute(0, 3, 1, 2)
        mean = torch.nn.functional.avg_pool2d(values, 3, 1, 1, count_include_pad=True)
        wanted = layer.output_proj(mean.permute(0, 2, 3, 1))
        torch.testing.assert_close(layer(x), wanted)
