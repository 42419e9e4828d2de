from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def write_patches(tmp_path):
    """Return a function that writes noise patches and their annotation file."""

    def write(lines, edge=40):
        rng = np.random.default_rng(0)
        folder = tmp_path / 'patches_captions'
        folder.mkdir(exist_ok=True)
        for filename, _ in lines:
            # Blocks of 5 pixels, so that JPEG keeps the colours; pink, like H&E.
            colours = rng.integers(
                [150, 40, 110], [246, 136, 206], (edge // 5, edge // 5, 3)
            )
            pixels = colours.repeat(5, 0).repeat(5, 1).astype(np.uint8)
            Image.fromarray(pixels).save(folder / filename, quality=95)
        ann_file = tmp_path / 'ann.txt'
        ann_file.write_text(''.join(f'{name} {label}\n' for name, label in lines))
        return {'data_prefix': str(folder), 'ann_file': str(ann_file)}

    return write


@pytest.fixture
def patch(write_patches) -> Path:
    """Path of one patch."""
    files = write_patches([('slide_0.jpg', 0)])
    return Path(files['data_prefix']) / 'slide_0.jpg'
