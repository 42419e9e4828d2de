"""What config files of the hub say about images."""

import pytest

from cite.core.hub_images import stats_of_configs

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


@pytest.mark.parametrize(
    'kind', ['ViTImageProcessor', 'BitImageProcessor', 'ConvNextImageProcessor']
)
def test_a_silent_file_has_transformers_default(kind):
    import transformers

    processor = getattr(transformers, kind)(image_mean=MEAN, image_std=STD)
    content = {k: v for k, v in processor.to_dict().items() if k != 'resample'}
    assert {'image_processor_type'} <= {*content}
    number = {'bilinear': 2, 'bicubic': 3}[stats_of_configs(content).interpolation]
    assert number == processor.resample


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
    del values['interpolation']
    assert stats_of_configs({section: values}).interpolation == 'bicubic'
    assert stats_of_configs({section: {}}) is None


def test_a_filter_that_pillow_does_not_have():
    with pytest.raises(ValueError, match=r'resample=9.*not one of'):
        stats_of_configs({**PROCESSOR, 'resample': 9})
