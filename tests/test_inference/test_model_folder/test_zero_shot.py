"""A zero-shot folder gives CLIP's own scores, and refuses what it cannot tell apart."""

import clip
import numpy as np
import pytest
import torch
from clip.model import CLIP
from PIL import Image

import cite.apis
from cite.apis import Predictor, export_zero_shot, plot_patches
from cite.datasets.pipelines import CLIPPreprocess
from demo.models import tiny_clip

TEXTS = {'Glands': 'tissue with round glands', 'Solid': 'a solid sheet of cells'}


@pytest.fixture(scope='module')
def arch(tmp_path_factory):
    return tiny_clip(tmp_path_factory.mktemp('clip') / 'clip.pt', 0, spread=True)


@pytest.fixture(scope='module')
def images():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (140, 130, 3), dtype=np.uint8) for _ in range(3)]


def test_the_scores_are_those_of_clip(arch, images, tmp_path):
    folder = export_zero_shot(arch, TEXTS, tmp_path / 'model', precision='fp32')
    found = Predictor(folder, device='cpu').predict_patches(images)
    state = torch.load(str(arch), map_location='cpu')
    model = CLIP(128, 112, 2, 128, 16, 77, 49408, *_text_tower(state)).eval()
    model.load_state_dict(state)
    step = CLIPPreprocess(str(arch))
    pixels = [
        step({'img_pil': Image.fromarray(image), 'test_mode': True})['img']
        for image in images
    ]
    with torch.no_grad():
        logits, _ = model(torch.stack(pixels), clip.tokenize([*TEXTS.values()]))
    np.testing.assert_allclose(found, logits.softmax(1).numpy(), atol=1e-4)


def _text_tower(state):
    width = state['ln_final.weight'].shape[0]
    blocks = {k.split('.')[2] for k in state if k.startswith('transformer.resblocks')}
    return width, width // 64, len(blocks)


def test_the_classes_and_the_card_are_those_that_were_named(arch, tmp_path):
    several = {'A': ['one text', 'another'], 'B': 'a third'}
    folder = export_zero_shot(arch, several, tmp_path / 'model', 224, 0.25)
    predictor = Predictor(folder)
    assert predictor.classes == ['A', 'B']
    assert (predictor.model.patch_pixels, predictor.model.mpp) == (224, 0.25)
    assert 'A: "one text; another"' in (folder / 'README.md').read_text()
    file = tmp_path / 'texts.yml'
    file.write_text('A: [one text, another]\nB: a third\n')
    from_file = Predictor(export_zero_shot(arch, file, tmp_path / 'other'))
    assert from_file.texts == [['one text', 'another'], ['a third']]


@pytest.mark.parametrize(
    ('texts', 'match'),
    [
        ({'A': 'x', 'B': 'x'}, "repeats 'x'"),
        ({}, 'one text per class'),
        ({'A': 'x', 'B': []}, 'give a text'),
        (['x', 'y'], 'a list; name the classes'),
    ],
)
def test_texts_that_tell_nothing_apart_are_refused(arch, texts, match, tmp_path):
    with pytest.raises((ValueError, TypeError), match=match):
        export_zero_shot(arch, texts, tmp_path / 'model')
    assert not (tmp_path / 'model').exists()


def test_patches_are_drawn_with_their_likeliest_class(images, tmp_path):
    scores = np.array([[0.9, 0.1], [0.25, 0.75], [0.4, 0.6]])
    figure = plot_patches(images, scores, ['Glands', 'Solid'])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ['Glands\n0.90', 'Solid\n0.75', 'Solid\n0.60']
    figure.savefig(tmp_path / 'figure.png')
    with pytest.raises(ValueError, match='a row for each image'):
        plot_patches(images[:2], scores, ['Glands', 'Solid'])


def test_every_name_for_notebooks_is_there():
    for name in cite.apis.__all__:
        assert callable(getattr(cite.apis, name))
    with pytest.raises(AttributeError, match='nothing'):
        cite.apis.nothing  # noqa: B018
