"""The compiled resize gives Pillow's bytes, of a whole square and of a part."""

import numpy as np
import pytest
from PIL import Image

from cite.core.resize import Scratch, resize_square

pytest.importorskip('numba')


@pytest.mark.parametrize('interpolation', ['bicubic', 'bilinear'])
@pytest.mark.parametrize(
    ('source', 'size', 'edge'),
    [
        (301, 300, 300.6012),  # 0.499 µm a pixel
        (301, 300, 301),
        (600, 300, 599.88),
        (150, 300, 149.925),  # a level of 2.0005
        (33, 300, 32.2),
        (64, 64, 63.3),
        (5, 3, 4.01),
    ],
)
def test_the_bytes_are_pillows(source, size, edge, interpolation):
    pixels = np.random.default_rng(0).integers(0, 256, (source, source, 3), np.uint8)
    resample = Image.Resampling[interpolation.upper()]
    box = (0, 0, edge, edge)
    expected = Image.fromarray(pixels).resize((size, size), resample, box=box)
    resized = resize_square(pixels, size, interpolation, Scratch(), edge)
    assert np.array_equal(resized, np.asarray(expected))
