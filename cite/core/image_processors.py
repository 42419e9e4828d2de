"""How an image processor of transformers, in its config file, prepares images."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

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
REMEDY = 'Correct it, or put image_stats=dict(mean=…, std=…) into the backbone.'
# Filters where a file is silent, by the beginning of the processor's name; the longest
# counts, and others have bicubic.
_USUAL_FILTERS = {
    **dict.fromkeys(('ViT', 'ConvNext', 'MobileNet', 'MobileViT', 'Pvt'), 2),
    **dict.fromkeys(('Segformer', 'DINOv3ViT', 'Siglip2', 'TextNet', 'Gemma3'), 2),
    **dict.fromkeys(('Donut', 'ImageGPT', 'GLPN'), 2),
    'EfficientNet': 0,
    'ViTHybrid': 3,
}


def stats_of_processor(config: Mapping[str, Any]) -> ImageStats:
    """Read an image processor, on the scale of pixels from 0 to 1.

    Args:
        config: content of ``preprocessor_config.json``.

    Raises:
        ValueError: a value is not one that transformers takes, or no step here makes
            such images.
    """
    if config.get('do_flip_channel_order'):
        raise ValueError(
            'preprocessor_config.json has do_flip_channel_order: the model takes BGR, '
            'and the images here are RGB. Its features would be wrong.'
        )
    size, resized = _sizes(config)
    stats = ImageStats.of(_mean_and_std(config))
    return replace(stats, interpolation=_filter(config), size=size, resized=resized)


def _mean_and_std(config: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return what turns a pixel x of 0 to 1 into the model's: (x - mean) / std."""
    factor = config.get('rescale_factor') or 1 / 255
    rescales = config.get('do_rescale') is not False
    scale = 255 * float(factor) if rescales else 255.0  # of pixels before they are
    shift = 1.0 if rescales and config.get('rescale_offset') else 0.0  # normalised
    mean, std = [0.0] * 3, [1.0] * 3
    if config.get('do_normalize') is not False:
        mean, std = (_channels(config[f'image_{key}']) for key in ('mean', 'std'))
    if config.get('include_top', _kind(config).startswith('EfficientNet')):
        std = [value * value for value in std]  # it divides once more
        if config.get('do_normalize') is False:
            std = _channels(config['image_std'])
    if abs(scale - 1) < 1e-6:
        return {'mean': [value + shift for value in mean], 'std': std}
    mean = [(value + shift) / scale for value in mean]
    return {'mean': mean, 'std': [value / scale for value in std]}


def _channels(value: Any) -> list[float]:
    """Return three numbers; one number is that of all channels."""
    values = [value] * 3 if isinstance(value, (int, float)) else list(value or ())
    return [float(number) for number in values]


def _sizes(config: Mapping[str, Any]) -> tuple[int, int]:
    """Return the square's edge, and the shorter side before a crop (0 without one)."""
    size = config.get('size') or 224
    if isinstance(size, Mapping):
        edges = [e for e in ('shortest_edge', 'longest_edge') if size.get(e)]
        both = [size.get('height'), size.get('width')]
        size = size[edges[0]] if edges else square(both, 'size')
    size, fraction = square(size, 'size'), fraction_of(config, 1)
    crop = config.get('crop_size')
    if not crop or not config.get('do_center_crop', True):
        # ConvNeXt's crop_pct, below 384 pixels.
        return size, int(size / fraction) if fraction < 1 and size < 384 else 0
    if isinstance(crop, Mapping):
        crop = [crop.get('height'), crop.get('width')]
    cropped = square(crop, 'crop_size')
    if not config.get('do_resize', True):
        return cropped, 0
    if _kind(config).startswith('Perceiver'):  # it crops first
        return size, cropped
    if _kind(config).startswith('Levit'):
        fraction = 224 / 256
    return cropped, int(size / fraction)


def square(size: Any, name: str) -> int:
    """Return the edge of a square that is given as a number or as two sides."""
    sides = size if isinstance(size, (list, tuple)) else [size]
    whole = [side for side in sides if type(side) is int and side > 0]
    if not whole or len(whole) < len(sides) or min(whole) != max(whole):
        raise ValueError(
            f'the config of the model has {name}={size!r}, and the images here are '
            f'squares of whole pixels. {REMEDY}'
        )
    return whole[0]


def fraction_of(config: Mapping[str, Any], usual: float) -> float:
    """Return the part of an image that is cropped, 0 to 1."""
    fraction = config.get('crop_pct') or usual
    if not isinstance(fraction, (int, float)) or not 0 < fraction <= 1:
        raise ValueError(
            f'the config of the model has crop_pct={fraction!r}, and it is a part of '
            f'the image, above 0 and at most 1. {REMEDY}'
        )
    return fraction


def _kind(config: Mapping[str, Any]) -> str:
    """Return the name of the processor's class, empty if the file does not state it."""
    name = config.get('image_processor_type') or config.get('feature_extractor_type')
    return name if isinstance(name, str) else ''


def _filter(config: Mapping[str, Any]) -> str:
    names = [name for name in _USUAL_FILTERS if _kind(config).startswith(name)]
    number = config.get('resample')
    if number is None:
        number = _USUAL_FILTERS[max(names, key=len)] if names else 3
    if number in RESAMPLE.values():  # torchvision's names
        return str(number)
    # Image processors give enums, which are integers. True is one, but not a filter.
    is_number = isinstance(number, int) and not isinstance(number, bool)
    if not is_number or number not in RESAMPLE:
        raise ValueError(
            f'resample={str(number)[:60]}, which is not one of '
            f"Pillow's filters: {RESAMPLE}. {REMEDY}"
        )
    return RESAMPLE[number]
