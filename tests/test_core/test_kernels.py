"""The compiled loops give the bits of Pillow and torchvision in critical cases."""

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import functional

kernels = pytest.importorskip(
    'cite.core.kernels', reason='numba is optional: Pillow replaces it'
)


def shift_hue(image: np.ndarray, factor: float) -> np.ndarray:
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    out = np.empty_like(planes)
    shift = np.int32(int(factor * 255) & 255)
    one = np.float32(1)
    kernels.jitter(planes.reshape(-1), out.reshape(-1), np.array([3]), one, one, shift)
    return out.transpose(1, 2, 0)


@pytest.mark.parametrize('high', [0, 1, 2, 51, 119, 128, 200, 254, 255])
def test_hue_is_pillow_s_on_all_colours_of_a_brightness(high):
    low, mid = np.meshgrid(np.arange(high + 1), np.arange(high + 1))
    low, mid = low[low <= mid], mid[low <= mid]
    levels = np.stack([np.full_like(low, high), mid, low]).astype(np.uint8)
    orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]]
    image = np.stack([levels[order].T for order in orders])  # (6, n, 3)

    for factor in (-0.1, -0.03, 0, 0.004, 0.05, 0.1):
        expected = functional.adjust_hue(Image.fromarray(image), factor)
        assert np.array_equal(shift_hue(image, factor), np.asarray(expected))


def test_the_byte_of_every_hue_is_pillow_s():
    """Pillow's float32 arithmetic, over all spreads and differences of two bytes."""
    f32 = np.float32
    for spread in np.arange(1, 256):
        e = np.arange(-spread, spread + 1).astype(f32)
        sign = np.where(e >= 0, f32(1), f32(-1))
        away = (f32(spread) - sign * e) / f32(spread)
        for sector in (0, 2, 4):
            x = (f32(sector) + sign) - sign * away
            h = x / f32(6)
            expected = (np.where(h < 0, f32(1) + h, h) * f32(255)).astype(int)
            found = x * kernels._SIXTHS * kernels._OF_255
            found = np.where(found < 0, f32(255) + found, found).astype(int)
            assert np.array_equal(found, expected)


@pytest.mark.parametrize('statistic', [(0.0, 1.0), (0.48145466, 0.26862954)])
def test_all_bytes_are_normalised_as_torchvision_does(statistic):
    image = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    mean, std = ([x] * 3 for x in statistic)
    expected = functional.normalize(functional.to_tensor(image), mean, std)

    planes = np.ascontiguousarray(image.transpose(2, 0, 1)).reshape(1, 3, -1)
    out = np.empty(planes.shape, np.float32)
    kernels.normalize(planes, out, np.float32([mean]), np.float32([std]))
    assert np.array_equal(out.reshape(3, 16, 16), expected.numpy())
