"""How the config files of a hub's folder say that images are prepared."""

import math
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
# open_clip's names of how a rectangle becomes a square; for a square they are the same.
_RESIZE_MODES = ('shortest', 'longest', 'squash')
# timm's fraction of an image that it crops, where a file is silent.
_TIMM_CROP = 0.875
_REMEDY = 'Correct it, or put image_stats=dict(mean=…, std=…) into the backbone.'


def stats_of_configs(
    config: Mapping[str, Any], where: object = 'preprocessor_config.json'
) -> Optional[ImageStats]:
    """Read the content of a hub folder's config files; None if they are silent.

    Args:
        config: ``preprocessor_config.json`` (transformers), ``open_clip_config.json``
            or timm's ``config.json``; or all of them, merged.
        where: file or folder, the start of an error message.

    Raises:
        ValueError: a value is not what the file's program takes, or the images it
            describes are not squares of RGB.
    """
    try:
        return _stats_of_configs(config)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ValueError(f'{where}: {first_line(error)}') from error


def _stats_of_configs(config: Mapping[str, Any]) -> Optional[ImageStats]:
    if {'image_mean', 'image_std'} <= {*config} or config.get('do_normalize') is False:
        return _stats_of_processor(config)
    for section, read in (
        ('preprocess_cfg', _stats_of_open_clip),
        ('pretrained_cfg', stats_of_timm),
    ):
        values = config.get(section)
        if isinstance(values, Mapping) and {'mean', 'std'} <= {*values}:
            return read(values)
    return None


def stats_of_timm(config: Mapping[str, Any]) -> ImageStats:
    """Read timm's ``pretrained_cfg``, which crops a fraction of the resized image."""
    values = {name: config[name] for name in ('mean', 'std')}
    stats = ImageStats.of({**values, **_named_filter(config, 'pretrained_cfg')})
    size = _square(list(config.get('input_size') or (3, 224, 224))[1:], 'input_size')
    resized = math.floor(size / _fraction(config, _TIMM_CROP))
    return replace(stats, size=size, resized=resized)


def _stats_of_open_clip(config: Mapping[str, Any]) -> ImageStats:
    """Read open_clip's ``preprocess_cfg``."""
    mode, colours = config.get('resize_mode', 'shortest'), config.get('mode', 'RGB')
    if mode not in _RESIZE_MODES or colours != 'RGB':
        raise ValueError(
            f'open_clip_config.json has resize_mode={mode!r}, mode={colours!r}; known '
            f"are {', '.join(_RESIZE_MODES)} and 'RGB'. {_REMEDY}"
        )
    values = {name: config[name] for name in ('mean', 'std')}
    stats = ImageStats.of({**values, **_named_filter(config, 'open_clip_config.json')})
    return replace(stats, size=_square(config.get('size') or 224, 'size'))


def _named_filter(config: Mapping[str, Any], file: str) -> dict[str, str]:
    """Return the interpolation; 'random' is for training alone, bicubic in evaluation.

    Raises:
        ValueError: the filter is unknown.
    """
    name = config.get('interpolation') or 'bicubic'
    name = 'bicubic' if name == 'random' else name
    if name not in RESAMPLE.values():
        raise ValueError(
            f'{file} has interpolation={name!r}; known are '
            f'{", ".join(RESAMPLE.values())}. {_REMEDY}'
        )
    return {'interpolation': name}


def _square(size: Any, name: str) -> int:
    """Return the edge of a square that is given as a number or as two sides."""
    sides = size if isinstance(size, (list, tuple)) else [size]
    whole = [side for side in sides if type(side) is int and side > 0]
    if not whole or len(whole) < len(sides) or min(whole) != max(whole):
        raise ValueError(
            f'the config of the model has {name}={size!r}, and the images here are '
            f'squares of whole pixels. {_REMEDY}'
        )
    return whole[0]


def _fraction(config: Mapping[str, Any], usual: float) -> float:
    """Return the part of an image that is cropped, 0 to 1."""
    fraction = config.get('crop_pct') or usual
    if not isinstance(fraction, (int, float)) or not 0 < fraction <= 1:
        raise ValueError(
            f'the config of the model has crop_pct={fraction!r}, and it is a part of '
            f'the image, above 0 and at most 1. {_REMEDY}'
        )
    return fraction


def _stats_of_processor(config: Mapping[str, Any]) -> ImageStats:
    """Read transformers' image processor, on the scale of pixels from 0 to 1."""
    if config.get('do_flip_channel_order'):
        raise ValueError(
            'preprocessor_config.json has do_flip_channel_order: the model takes BGR, '
            'and the images here are RGB. Its features would be wrong.'
        )
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
    size, resized = _sizes_of_processor(config)
    return replace(stats, interpolation=_filter(config), size=size, resized=resized)


def _sizes_of_processor(config: Mapping[str, Any]) -> tuple[int, int]:
    """Return the square's edge, and the shorter side before a crop (0 without one)."""
    size = config.get('size') or 224
    if isinstance(size, Mapping):
        edges = [e for e in ('shortest_edge', 'longest_edge') if size.get(e)]
        both = [size.get('height'), size.get('width')]
        size = size[edges[0]] if edges else _square(both, 'size')
    size = _square(size, 'size')
    crop = config.get('crop_size')
    if crop and config.get('do_center_crop', True):
        if isinstance(crop, Mapping):
            crop = [crop.get('height'), crop.get('width')]
        cropped = _square(crop, 'crop_size')
        return cropped, size if config.get('do_resize', True) else 0
    fraction = _fraction(config, 1)  # ConvNeXt's, below 384 pixels
    return size, int(size / fraction) if fraction < 1 and size < 384 else 0


def _filter(config: Mapping[str, Any]) -> str:
    kind = config.get('image_processor_type') or config.get('feature_extractor_type')
    usual = 2 if str(kind).startswith(_BILINEAR) else 3
    number = config.get('resample', usual)
    number = usual if number is None else number
    # Image processors give enums, which are integers. True is one, but not a filter.
    is_number = isinstance(number, int) and not isinstance(number, bool)
    if not is_number or number not in RESAMPLE:
        raise ValueError(
            f'resample={str(number)[:60]}, which is not one of '
            f"Pillow's filters: {RESAMPLE}. {_REMEDY}"
        )
    return RESAMPLE[number]
