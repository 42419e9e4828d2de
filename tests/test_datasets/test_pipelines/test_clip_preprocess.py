import clip
import numpy as np
import pytest
import torch
from clip.model import CLIP
from PIL import Image

from cite.datasets.pipelines import CLIPPreprocess

SMALL = {
    'embed_dim': 8,
    'context_length': 4,
    'vocab_size': 10,
    'transformer_width': 64,
    'transformer_heads': 1,
    'transformer_layers': 1,
}


def noise(width, height, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)  # RGBA is opaque


@pytest.mark.parametrize('mode', ['RGB', 'L', 'RGBA'])
@pytest.mark.parametrize(('width', 'height'), [(300, 300), (260, 310), (100, 70)])
def test_it_is_clip_s_own_preprocessing(width, height, mode):
    image = noise(width, height, mode)
    pipeline = CLIPPreprocess('ViT-B/16')

    ours = pipeline({'img_pil': image})['img']

    assert torch.equal(ours, clip.clip._transform(224)(image))
    assert ours.dtype == torch.float32


def test_the_input_sizes_of_openai_s_models():
    # Table 20 of arXiv:2103.00020.
    larger = {'RN50x4': 288, 'RN50x16': 384, 'RN50x64': 448, 'ViT-L/14@336px': 336}

    for name in clip.available_models():
        assert CLIPPreprocess(name).size == larger.get(name, 224)


@pytest.mark.parametrize(
    ('vision', 'size'),
    [
        ({'vision_layers': 1, 'vision_width': 64, 'vision_patch_size': 8}, 40),
        (
            {
                'vision_layers': (1, 1, 1, 1),
                'vision_width': 8,
                'vision_patch_size': None,
            },
            96,
        ),
    ],
    ids=['vit', 'resnet'],
)
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_the_input_size_of_a_checkpoint_comes_from_its_shapes(
    tmp_path, vision, size, prefix
):
    model = CLIP(image_resolution=size, **SMALL, **vision)
    path = tmp_path / 'clip.pt'
    state = {prefix + name: value for name, value in model.state_dict().items()}
    torch.save({'epoch': 3, 'state_dict': state} if prefix else state, path)

    pipeline = CLIPPreprocess(str(path))

    assert pipeline.size == model.visual.input_resolution
    assert pipeline({'img_pil': noise(50, 50, 'RGB')})['img'].shape == (3, size, size)


def test_evaluation_and_training_read_the_same_image_but_other_features():
    pipeline = CLIPPreprocess('RN50')
    image, draws = noise(30, 30, 'RGB'), np.eye(3, dtype=np.float32)

    images = [
        pipeline({'img_pil': image, 'test_mode': t})['img'] for t in (True, False)
    ]
    tested = {
        int(pipeline({'feature': draws, 'test_mode': True})['img'].argmax())
        for _ in range(20)
    }
    trained = {
        int(pipeline({'feature': draws, 'test_mode': False})['img'].argmax())
        for _ in range(60)
    }

    assert torch.equal(*images)
    assert (tested, trained) == ({0}, {0, 1, 2})


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r'ViT-B/15.*known are RN50, .*ViT-L/14@336px'):
        CLIPPreprocess('ViT-B/15')
    command = r'MODEL_ZOO.*cite convert SOURCE models/plip\.pt --from clip'
    with pytest.raises(ValueError, match=command):
        CLIPPreprocess('models/plip.pt')


def test_another_model_s_checkpoint_is_refused(tmp_path):
    path = tmp_path / 'other.pt'
    torch.save({'weight': torch.zeros(2)}, path)

    with pytest.raises(ValueError, match=r'other\.pt is not an OpenAI CLIP checkpoint'):
        CLIPPreprocess(str(path))
