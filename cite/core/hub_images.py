"""How the config files of a hub's folder say that images are prepared."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional

from cite.core.messages import first_line

from .image_stats import ImageStats

# PIL's numbers in preprocessor_config.json, and torchvision's names for them.
RESAMPLE = {
    0: 'nearest',
    1: 'lanczos',
    2: 'bilinear',
    3: 'bicubic',
    4: 'box',
    5: 'hamming',
}
# Image processors of transformers whose filter, where a file is silent, is not bicubic.
_BILINEAR = ('ViT', 'ConvNext', 'MobileNet', 'MobileViT', 'Pvt', 'Segformer')
# Where timm and open_clip state mean, std, interpolation and size.
_SECTIONS = ('preprocess_cfg', 'pretrained_cfg')


def stats_of_configs(
    config: Mapping[str, Any], where: object = 'preprocessor_config.json'
) -> Optional[ImageStats]:
    """Read the content of a hub folder's config files; None if they are silent.

    Args:
        config: ``preprocessor_config.json`` (transformers), ``open_clip_config.json``
            or timm's ``config.json``; or all of them, merged.
        where: file or folder, the start of an error message.

    Raises:
        ValueError: mean or std are not three numbers, or the filter is not known.
    """
    try:
        return _stats_of_configs(config)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ValueError(f'{where}: {first_line(error)}') from error


def _stats_of_configs(config: Mapping[str, Any]) -> Optional[ImageStats]:
    if {'image_mean', 'image_std'} <= {*config} or config.get('do_normalize') is False:
        return _stats_of_processor(config)
    for section in _SECTIONS:
        values = config.get(section)
        if isinstance(values, Mapping) and {'mean', 'std'} <= {*values}:
            stated = {name: values[name] for name in ('mean', 'std')}
            if values.get('interpolation') in list(RESAMPLE.values()):
                stated['interpolation'] = values['interpolation']
            return ImageStats.of(stated)
    return None


def _stats_of_processor(config: Mapping[str, Any]) -> ImageStats:
    """Read transformers' image processor, on the scale of pixels from 0 to 1."""
    plain = {'mean': (0.0, 0.0, 0.0), 'std': (1.0, 1.0, 1.0)}
    stated = {'mean': config.get('image_mean'), 'std': config.get('image_std')}
    stats = ImageStats.of(plain if config.get('do_normalize') is False else stated)
    factor = config.get('rescale_factor') or 1 / 255
    if config.get('do_rescale') is False:
        factor = 1.0
    scale = 255 * float(factor)  # of pixels when they are normalised
    if abs(scale - 1) > 1e-6:
        mean = [value / scale for value in stats.mean]
        std = [value / scale for value in stats.std]
        stats = ImageStats.of({'mean': mean, 'std': std})
    size = config.get('crop_size') or config.get('size') or 224
    if isinstance(size, Mapping):
        size = size.get('height') or size.get('shortest_edge') or 224
    return replace(stats, interpolation=_filter(config), size=size)


def _filter(config: Mapping[str, Any]) -> str:
    kind = config.get('image_processor_type') or config.get('feature_extractor_type')
    usual = 2 if str(kind).startswith(_BILINEAR) else 3
    number = config.get('resample', usual)
    number = usual if number is None else number
    if type(number) is not int or number not in RESAMPLE:
        raise ValueError(
            f'resample={str(number)[:60]}, which is not one of '
            f"Pillow's filters: {RESAMPLE}. Correct it, or put image_stats="
            'dict(mean=…, std=…) into the backbone.'
        )
    return RESAMPLE[number]
