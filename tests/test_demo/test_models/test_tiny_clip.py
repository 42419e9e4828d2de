"""The small CLIP: OpenAI's format, repeatable, with features that can be told apart."""

import hashlib

import numpy as np
import pytest
import torch
from clip.model import build_model

from cite.core.files.weights import load_weights
from cite.models.backbones import CLIPImageBackbone
from demo.models import tiny_clip
from demo.models.dead_leaves import dead_leaves


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp('clip') / 'clip.pt', seed=1, spread=True)


def digest(path):
    state = load_weights(path)
    parts = b''.join(state[name].numpy().tobytes() for name in sorted(state))
    return hashlib.sha256(parts).hexdigest()


def features(path, images):
    backbone = CLIPImageBackbone(arch=str(path)).eval()
    with torch.no_grad():
        found = backbone(images)
    return found[-1] if isinstance(found, tuple) else found


def cosines(found):
    unit = torch.nn.functional.normalize(found, dim=1)
    return (unit @ unit.T)[~torch.eye(len(unit), dtype=torch.bool)]


def test_openais_own_code_builds_it(path):
    model = build_model(load_weights(path)).float()
    assert model.visual.input_resolution == 112
    assert len(model.visual.transformer.resblocks) == 2
    assert model.text_projection.shape == (64, 128)
    assert model.encode_text(torch.zeros(1, 77, dtype=torch.long)).shape == (1, 128)


def test_the_seed_decides_and_no_generator_is_disturbed(path, tmp_path):
    torch.manual_seed(5)
    np.random.seed(5)
    expected = torch.rand(1), np.random.rand()
    torch.manual_seed(5)
    np.random.seed(5)
    again = tiny_clip(tmp_path / 'again.pt', seed=1, spread=True)
    assert (torch.rand(1), np.random.rand()) == expected
    assert digest(again) == digest(path)
    assert digest(tiny_clip(tmp_path / 'other.pt', seed=2)) != digest(
        tiny_clip(tmp_path / 'same.pt', seed=1)
    )


def test_features_of_images_it_has_not_seen_are_spread(path, tmp_path):
    images = (dead_leaves(64, 112, seed=99) - 0.45) / 0.27
    plain = tiny_clip(tmp_path / 'plain.pt', seed=1)
    assert cosines(features(plain, images)).median() > 0.7
    spread = features(path, images)
    assert cosines(spread).abs().median() < 0.3
    variance = torch.linalg.eigvalsh(torch.cov(spread.T)).flip(0)
    assert variance[0] < 0.3 * variance.sum()


def test_width_of_whole_heads(tmp_path):
    with pytest.raises(ValueError, match='multiple of 64'):
        tiny_clip(tmp_path / 'clip.pt', width=100)
    assert not (tmp_path / 'clip.pt').exists()


def test_dead_leaves_are_pictures_that_the_seed_decides():
    pictures = dead_leaves(4, 50, seed=1)
    assert pictures.shape == (4, 3, 50, 50)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert (pictures == dead_leaves(4, 50, seed=1)).all()
    assert (pictures[:3] == dead_leaves(3, 50, seed=1)).all()
    assert (pictures != dead_leaves(4, 50, seed=2)).any()
