"""What the default configs feed the backbone, against CLIP's own transform."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from clip.clip import _transform as clip_transform
from mmcls.datasets.builder import PIPELINES
from mmcv import Config
from mmcv.utils import build_from_cfg
from PIL import Image

from cite.models.classifiers.normalize import to_float
from cite.models.image_stats import settle_images

ROOT = Path(__file__).parents[1]
GASTRIC = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / 'configs/gastric').glob('*/*_bs128_*.py')
)
RELEASED = 'configs/gastric/_base_/gastric_dataset_released.py'


@pytest.fixture(scope='module')
def image():
    """A patch of PatchGastric's size, smooth and as pink as H&E."""
    rng = np.random.default_rng(0)
    pixels = np.full((300, 300, 3), (200, 120, 180)) + rng.normal(0, 20, (300, 300, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def step_of(config, part):
    cfg = Config.fromfile(str(ROOT / config))
    step = build_from_cfg(cfg.data[part].pipeline[0], PIPELINES)
    settle_images([step], cfg.get('model', {}))
    return step


def apply(config, part, image):
    done = step_of(config, part)({'img_pil': image})
    if done['img'].dtype == torch.float32:
        return done['img']
    return to_float(done['img'][None], [{'img_norm_cfg': done['img_norm_cfg']}])[0]


@pytest.mark.parametrize('part', ['val', 'test'])
@pytest.mark.parametrize('config', GASTRIC)
def test_evaluation_sees_what_clip_was_trained_with(config, part, image):
    expected = clip_transform(224)(image)
    torch.testing.assert_close(apply(config, part, image), expected)


def colour(images, config):
    """Mean distance between the strongest and the weakest channel, 0 to 1."""
    normalize = step_of(config, 'train')._normalize.transforms[-1]
    mean, std = torch.tensor(normalize.mean), torch.tensor(normalize.std)
    pixels = images * std[:, None, None] + mean[:, None, None]  # (n, 3, H, W)
    return float((pixels.amax(1) - pixels.amin(1)).mean())


@pytest.fixture
def _seeded():
    """Draw the same augmentations in any order of the tests."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.mark.usefixtures('_seeded')
@pytest.mark.parametrize('config', GASTRIC)
def test_training_keeps_colours_and_clip_s_scale(config, image):
    drawn = torch.stack([apply(config, 'train', image) for _ in range(24)])
    plain = clip_transform(224)(image)[None]
    assert 0.8 < colour(drawn, config) / colour(plain, config) < 1.2
    # With another std or mean the average over many draws would differ.
    assert (drawn.mean((0, 2, 3)) - plain.mean((0, 2, 3))).abs().max() < 0.3
    assert len({float(x.sum()) for x in drawn}) == 24  # augmented


@pytest.mark.usefixtures('_seeded')
def test_the_released_pipeline_is_nearly_grey(image):
    drawn = torch.stack([apply(RELEASED, 'train', image) for _ in range(24)])
    plain = clip_transform(224)(image)[None]
    assert colour(drawn, RELEASED) < 0.3 * colour(plain, GASTRIC[0])
