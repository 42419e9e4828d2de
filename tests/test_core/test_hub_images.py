"""What config files of the hub say about images."""

import numpy as np
import pytest
from packaging.version import Version

from cite.core.hub_images import stats_of_configs
from cite.core.image_processors import RESAMPLE

MEAN, STD = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]
PROCESSOR = {'image_mean': MEAN, 'image_std': STD}


@pytest.mark.parametrize(
    ('number', 'name'),
    [
        (0, 'nearest'),
        (1, 'lanczos'),
        (2, 'bilinear'),
        (3, 'bicubic'),
        (4, 'box'),
        (5, 'hamming'),
    ],
)
def test_pillows_numbers(number, name):
    from PIL import Image

    stats = stats_of_configs({**PROCESSOR, 'resample': number})
    assert (stats.mean, stats.std) == (tuple(MEAN), tuple(STD))
    assert stats.interpolation == name
    assert Image.Resampling[name.upper()] == number


def image_processors():
    """Return the processors of transformers' models that classify images.

    A file that is silent is read as transformers 4 does, by which such files were made;
    5 has other defaults (ConvNeXt's filter) and processors of its own.
    """
    import transformers
    from transformers.models.auto.image_processing_auto import (
        IMAGE_PROCESSOR_MAPPING_NAMES,
    )
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    )

    if Version(transformers.__version__).major > 4:
        return []
    others = ('clip', 'siglip', 'dinov3_vit', 'vit_mae', 'hiera', 'align')
    names = {
        name
        for model in (*MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES, *others)
        for name in np.ravel(IMAGE_PROCESSOR_MAPPING_NAMES.get(model, ()))
    }
    # Theirs makes no squares of RGB, or needs more than a config.
    odd = ('Donut', 'ImageGPT', 'MobileViT', 'Siglip2', 'TimmWrapper')
    return sorted(n for n in names if n and not n.startswith(odd))


@pytest.mark.parametrize('own', [True, False])
@pytest.mark.parametrize('kind', image_processors())
def test_an_image_processor_does_what_we_read(kind, own):
    """Its own default, or other numbers: values of the pixels, filter and size."""
    import transformers

    changes = {} if own else {**PROCESSOR, 'rescale_factor': 1 / 127.5}
    processor = getattr(transformers, kind)(**changes)
    if not processor.do_normalize:
        pytest.skip('it states no mean')
    colour = np.array([10, 100, 200])
    image = np.full((300, 300, 3), colour, np.uint8)
    pixels = processor(image, return_tensors='pt')['pixel_values'][0].numpy()
    content = {k: v for k, v in processor.to_dict().items() if k != 'resample'}
    stats = stats_of_configs(content)
    wanted = (colour / 255 - stats.mean) / stats.std
    assert pixels.shape == (3, stats.size, stats.size)
    assert pixels[:, 5, 5] == pytest.approx(wanted, abs=1e-4)
    number = next(n for n, name in RESAMPLE.items() if name == stats.interpolation)
    assert number == processor.resample


def test_pixels_from_minus_one_to_one_and_pixels_up_to_255():
    offset = {'rescale_factor': 1 / 127.5, 'rescale_offset': True}
    stats = stats_of_configs({'image_mean': 0.0, 'image_std': 1.0, **offset})
    assert stats.mean == pytest.approx([0.5] * 3)
    assert stats.std == pytest.approx([0.5] * 3)
    bytes_mean = {'image_mean': [127.5, 51, 255], 'image_std': [51, 255, 127.5]}
    stats = stats_of_configs({**bytes_mean, 'do_rescale': False})
    assert stats.mean == pytest.approx([0.5, 0.2, 1])
    assert stats.std == pytest.approx([0.2, 1, 0.5])
    with pytest.raises(ValueError, match='on the scale 0 to 1'):
        stats_of_configs(bytes_mean)


def test_timms_own_config_of_before_2023():
    config = {'architecture': 'vit', 'input_size': [3, 384, 384], 'crop_pct': 1.0}
    stats = stats_of_configs({**config, 'mean': MEAN, 'std': STD})
    assert (stats.mean, stats.size) == (tuple(MEAN), 384)


def test_another_scale_and_no_normalisation():
    """1/127.5 spans 0 to 2: a pixel x of 0 to 1 becomes (2x - mean) / std."""
    stats = stats_of_configs({**PROCESSOR, 'rescale_factor': 1 / 127.5})
    assert stats.mean == pytest.approx([0.05, 0.1, 0.15])
    assert stats.std == pytest.approx([0.2, 0.25, 0.3])
    stats = stats_of_configs({**PROCESSOR, 'do_normalize': False})
    assert (stats.mean, stats.std) == ((0.0,) * 3, (1.0,) * 3)
    stats = stats_of_configs({**PROCESSOR, 'do_rescale': False})
    assert stats.mean == pytest.approx([0.1 / 255, 0.2 / 255, 0.3 / 255])


@pytest.mark.parametrize('section', ['preprocess_cfg', 'pretrained_cfg'])
def test_open_clip_and_timm(section):
    values = {'mean': MEAN, 'std': STD, 'interpolation': 'bilinear'}
    assert stats_of_configs({section: values}).interpolation == 'bilinear'
    values['interpolation'] = 'random'  # in training alone
    assert stats_of_configs({section: values}).interpolation == 'bicubic'
    del values['interpolation']
    assert stats_of_configs({section: values}).interpolation == 'bicubic'
    assert stats_of_configs({section: {}}) is None
    with pytest.raises(ValueError, match=r"interpolation='cubic'; known are nearest"):
        stats_of_configs({section: {**values, 'interpolation': 'cubic'}})


def test_a_filter_that_pillow_does_not_have():
    assert stats_of_configs({**PROCESSOR, 'resample': 'lanczos'}).interpolation == (
        'lanczos'
    )
    for number in (9, True, '3', [2]):
        with pytest.raises(ValueError, match=r'resample=.*not one of'):
            stats_of_configs({**PROCESSOR, 'resample': number})


def of_open_clip(**values):
    return stats_of_configs({'preprocess_cfg': {'mean': MEAN, 'std': STD, **values}})


@pytest.mark.parametrize('mode', ['shortest', 'longest', 'squash'])
def test_open_clips_size_and_ways_to_resize(mode):
    """All three make the same square of a square; the fill colour is for rectangles."""
    stats = of_open_clip(size=[336, 336], resize_mode=mode, fill_color=255, mode='RGB')
    assert (stats.size, stats.crop_note()) == (336, '')
    assert of_open_clip(size=448).size == 448
    assert of_open_clip().size == 224


@pytest.mark.parametrize(
    ('values', 'message'),
    [
        ({'size': [224, 336]}, r'size=\[224, 336\].*squares of whole pixels'),
        ({'size': 224.5}, r'size=224\.5'),
        ({'size': [[224]]}, r'size=\[\[224\]\]'),
        ({'size': '224'}, r"size='224'"),
        ({'resize_mode': 'fit'}, r"resize_mode='fit'.*shortest, longest, squash"),
        ({'mode': 'L'}, r"mode='L'"),
    ],
)
def test_what_open_clip_does_not_know(values, message):
    with pytest.raises(ValueError, match=message):
        of_open_clip(**values)


@pytest.mark.parametrize('kind', ['bilinear', 'bicubic', 'lanczos', 'nearest'])
@pytest.mark.parametrize(
    ('size', 'fraction'),
    [(224, 0.875), (224, 0.9), (224, 1.0), (518, 1.0), (384, None)],
)
def test_timms_own_transform_resizes_and_crops_so(size, fraction, kind):
    from timm.data import create_transform, resolve_data_config

    config = {'mean': MEAN, 'std': STD, 'input_size': (3, size, size)}
    config.update(interpolation=kind, **({'crop_pct': fraction} if fraction else {}))
    resize, crop, *_ = create_transform(
        **resolve_data_config({}, pretrained_cfg=config)
    ).transforms
    stats = stats_of_configs({'pretrained_cfg': config})
    assert (stats.resized, stats.size) == (resize.size, crop.size[0])
    assert stats.interpolation == resize.interpolation.value
    assert bool(stats.crop_note()) == (resize.size != crop.size[0])


@pytest.mark.parametrize(
    ('content', 'sizes'),
    [
        ({}, (224, 0)),
        ({'size': 384}, (384, 0)),
        ({'size': {'height': 384, 'width': 384}}, (384, 0)),
        ({'size': {'shortest_edge': 256}}, (256, 0)),
        ({'size': {'shortest_edge': 256}, 'crop_size': 224}, (224, 256)),
        ({'size': 256, 'crop_size': {'height': 224, 'width': 224}}, (224, 256)),
        ({'size': 256, 'crop_size': 224, 'do_center_crop': False}, (256, 0)),
        ({'size': 256, 'crop_size': 224, 'do_resize': False}, (224, 0)),
        ({'size': {'shortest_edge': 224}, 'crop_pct': 0.875}, (224, 256)),
        ({'size': {'shortest_edge': 384}, 'crop_pct': 0.875}, (384, 0)),
        # PoolFormer's and LeViT's.
        ({'size': 224, 'crop_pct': 0.9, 'crop_size': 224}, (224, 248)),
        (
            {
                'image_processor_type': 'LevitImageProcessor',
                **{'size': {'shortest_edge': 224}, 'crop_size': 224},
            },
            (224, 256),
        ),
        ({'size': 256, 'crop_size': 224, 'do_center_crop': None}, (256, 0)),
    ],
)
def test_sizes_of_a_processor(content, sizes):
    stats = stats_of_configs({**PROCESSOR, **content})
    assert (stats.size, stats.resized) == sizes


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'size': {'height': 224, 'width': 336}}, r'size=\[224, 336\]'),
        ({'crop_size': {'height': 224, 'width': 200}}, r'crop_size=\[224, 200\]'),
        ({'do_flip_channel_order': True}, 'the model takes BGR'),
        ({'crop_pct': '0.9'}, r"crop_pct='0.9'.*above 0 and at most 1"),
        ({'crop_pct': 2}, 'crop_pct=2'),
    ],
)
def test_images_that_no_step_here_makes(content, message):
    with pytest.raises(ValueError, match=message):
        stats_of_configs({**PROCESSOR, **content})


def test_a_crop_is_said():
    stats = stats_of_configs({**PROCESSOR, 'size': 256, 'crop_size': 224})
    assert 'shorter side of an image to 256 pixels and crop 224' in stats.crop_note()
    assert 'at 88% of their magnification' in stats.crop_note()
    assert '"resized": 256' in stats.metadata()['image_stats']
    plain = stats_of_configs(PROCESSOR)
    assert 'resized' not in plain.metadata()['image_stats']
