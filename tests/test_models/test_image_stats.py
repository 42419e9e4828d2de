"""Statistics out of tags, files and configs; the numbers are the publishers'."""

import json

import pytest
import torch
from safetensors.torch import save_file

from cite.core.image_stats import ImageStats
from cite.models.image_stats import image_stats

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = (
    (0.48145466, 0.4578275, 0.40821073),
    (0.26862954, 0.26130258, 0.27577711),
)


@pytest.mark.parametrize(
    ('backbone', 'statistics', 'size'),
    [
        ({'type': 'PromptedCLIPImageBackbone', 'arch': 'ViT-L/14@336px'}, CLIP, 336),
        ({'type': 'CLIPImageBackbone', 'arch': 'RN50x4'}, CLIP, 288),
        ({'model_name': 'vit_base_patch16_224.augreg_in21k'}, HALF, 224),
        ({'model_name': 'vit_small_patch16_224.dino'}, IMAGENET, 224),
        ({'model_name': 'vit_base_patch14_dinov2.lvd142m'}, IMAGENET, 518),
        (
            {'model_name': 'vit_base_patch14_dinov2.lvd142m', 'img_size': 70},
            IMAGENET,
            70,
        ),
        ({'model_name': 'ctranspath', 'checkpoint': 'x.pth'}, IMAGENET, 224),
        ({'model_name': 'hipt_4k'}, HALF, 4096),
        ({'type': 'InternImage', 'arch': 'base'}, IMAGENET, 224),
    ],
)
def test_published_values(backbone, statistics, size):
    stats = image_stats({'type': 'TIMMImageBackbone', **backbone})
    assert (stats.mean, stats.std) == statistics
    kind = 'bilinear' if backbone.get('model_name') == 'ctranspath' else 'bicubic'
    assert (stats.interpolation, stats.size) == (kind, size)


def test_the_file_knows_better_than_the_name(tmp_path):
    file = tmp_path / 'a.safetensors'
    stats = ImageStats((0.0, 0.1, 0.2), (1.0, 1.0, 1.0), 'bilinear', 96)
    save_file({'a': torch.ones(1)}, str(file), stats.metadata())
    backbone = {
        'type': 'TIMMImageBackbone',
        'model_name': 'vit_small_patch16_224.dino',
        'checkpoint': str(file),
    }
    assert image_stats(backbone) == stats
    init_cfg = {'type': 'Pretrained', 'checkpoint': str(file)}
    assert image_stats({'type': 'VisionTransformer', 'init_cfg': init_cfg}) == stats
    stated = {'mean': [0.3] * 3, 'std': [0.4] * 3}
    assert image_stats({**backbone, 'image_stats': stated}).mean == (0.3, 0.3, 0.3)


def test_a_folder_of_transformers_says_it(tmp_path):
    backbone = {'type': 'TransformersImageBackbone', 'model_name': str(tmp_path)}
    with pytest.raises(ValueError, match=r'no .*preprocessor_config\.json'):
        image_stats(backbone)
    config = {
        'image_mean': [0.1, 0.2, 0.3],
        'image_std': [0.4, 0.5, 0.6],
        'resample': 2,
        'size': {'shortest_edge': 256},
        'crop_size': {'height': 224, 'width': 224},
    }
    (tmp_path / 'preprocessor_config.json').write_text(json.dumps(config))
    expected = ImageStats((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 'bilinear', 224, 256)
    assert image_stats(backbone) == expected


@pytest.mark.parametrize(
    ('backbone', 'message'),
    [
        (
            {'type': 'TIMMImageBackbone', 'model_name': 'vit_base_patch16_224'},
            r"no tag.*list_pretrained\('vit_base_patch16_224\*'\)",
        ),
        (
            {'type': 'VisionTransformer', 'image_stats': {'mean': [0.5] * 3}},
            'give mean and std',
        ),
        (
            {
                'type': 'VisionTransformer',
                'image_stats': {
                    'mean': [123.7, 116.3, 103.5],
                    'std': [58.4, 57.1, 57.4],
                },
            },
            'on the scale 0 to 1',
        ),
    ],
)
def test_what_nothing_says_is_an_error(backbone, message):
    with pytest.raises(ValueError, match=message):
        image_stats(backbone)


@pytest.mark.parametrize('kind', ['PromptedVisionTransformer', 'ResNet'])
def test_mmcls_backbones_get_imagenet_s_as_in_the_release(kind, tmp_path):
    with pytest.warns(UserWarning, match=f"a {kind} does not say .* ImageNet's mean"):
        stats = image_stats({'type': kind})
    assert (stats.mean, stats.std) == IMAGENET
    path = str(tmp_path / 'converted.safetensors')
    save_file({'a': torch.ones(1)}, path, ImageStats(*HALF).metadata())
    init = {'type': 'Pretrained', 'checkpoint': path}
    assert image_stats({'type': kind, 'init_cfg': init}).mean == HALF[0]


def test_published_pathology_models_have_their_own_code_s_statistics():
    """Sources: mahmoodlab/CONCH, conch/open_clip_custom/factory.py; mahmoodlab/UNI,
    uni/get_encoder/get_encoder.py; bioptimus/releases, models/h-optimus/v0."""
    clip = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
    h_optimus = ((0.707223, 0.578729, 0.703617), (0.211883, 0.230117, 0.177517))
    facts = {
        'conch': (*clip, 'bicubic', 448),
        'uni': (*IMAGENET, 'bilinear', 224),
        'uni2_h': (*IMAGENET, 'bilinear', 224),
        'h_optimus_0': (*h_optimus, 'bicubic', 224),
    }
    for name, expected in facts.items():
        stats = image_stats({'type': 'TIMMImageBackbone', 'model_name': name})
        values = (stats.mean, stats.std, stats.interpolation, stats.size)
        assert values == expected, name
