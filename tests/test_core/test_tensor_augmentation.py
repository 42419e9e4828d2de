"""Batches that are augmented where the model is have the bytes of Pillow."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import ColorJitter

from cite.core.tensor_augmentation import augment
from cite.datasets.pipelines.augmentation import Augmentation, Augmenter, augment_image
from cite.datasets.samplers import Draw

JITTER = ColorJitter(brightness=0.5, saturation=(0, 2), hue=0.5)


def by_pillow(images, augmentations):
    arrays = [
        np.asarray(augment_image(Image.fromarray(image), augmentation))
        for image, augmentation in zip(images.transpose(0, 2, 3, 1), augmentations)
    ]
    return np.stack(arrays).transpose(0, 3, 1, 2)


def test_all_augmentations_are_pillow_s():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (96, 3, 16, 16), dtype=np.uint8)
    images[0], images[1], images[2] = 0, 255, images[2, :1]  # black, white, greys
    images[3:20] //= 32  # dark: hues of small differences
    for block in range(10):
        drawn = [Augmenter(JITTER).of(Draw(0, 96 * block + i, 0)) for i in range(96)]
        augmented = augment(torch.from_numpy(images), drawn).numpy()
        assert np.array_equal(augmented, by_pillow(images, drawn))


@pytest.mark.parametrize('step', [2, 3])
@pytest.mark.parametrize('blue', [0, 100, 255])
def test_all_colours_with_one_blue_are_pillow_s(step, blue):
    red, green = np.meshgrid(np.arange(256), np.arange(256))
    image = np.stack([red, green, np.full_like(red, blue)])[None].astype(np.uint8)
    for share in (-0.5, -0.07, 0.0, 0.1, 0.5):
        drawn = [
            Augmentation(np.array([step]), 1, 1 + 2 * share, share, False, False, 0)
        ]
        augmented = augment(torch.from_numpy(image), drawn).numpy()
        assert np.array_equal(augmented, by_pillow(image, drawn))


def test_an_image_without_augmentation_stays_and_none_is_overwritten():
    images = torch.arange(48, dtype=torch.uint8).reshape(2, 3, 2, 4)[..., :2]
    before = images.clone()
    grey = Augmentation(np.array([2]), 1, 0.0, 0, True, False, 1)

    augmented = augment(images, [None, grey])

    assert torch.equal(images, before)
    assert torch.equal(augmented[0], images[0])
    assert augmented[1, 0].equal(augmented[1, 2])
