"""How the config files of a hub's folder say that images are prepared."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Optional

from cite.core.messages import first_line

from .image_processors import REMEDY, RESAMPLE, fraction_of, square, stats_of_processor
from .image_stats import ImageStats

# open_clip's names of how a rectangle becomes a square; for a square they are the same.
_RESIZE_MODES = ('shortest', 'longest', 'squash')
# timm's fraction of an image that it crops, where a file is silent.
_TIMM_CROP = 0.875


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
        return stats_of_processor(config)
    for section, read in (
        ('preprocess_cfg', _stats_of_open_clip),
        ('pretrained_cfg', stats_of_timm),
    ):
        values = config.get(section)
        if isinstance(values, Mapping) and {'mean', 'std'} <= {*values}:
            return read(values)
    if {'architecture', 'mean', 'std'} <= {*config}:  # timm's, before 2023
        return stats_of_timm(config)
    return None


def stats_of_timm(config: Mapping[str, Any]) -> ImageStats:
    """Read timm's ``pretrained_cfg``, which crops a fraction of the resized image."""
    values = {name: config[name] for name in ('mean', 'std')}
    stats = ImageStats.of({**values, **_named_filter(config, 'pretrained_cfg')})
    size = square(list(config.get('input_size') or (3, 224, 224))[1:], 'input_size')
    resized = math.floor(size / fraction_of(config, _TIMM_CROP))
    return replace(stats, size=size, resized=resized)


def _stats_of_open_clip(config: Mapping[str, Any]) -> ImageStats:
    """Read open_clip's ``preprocess_cfg``."""
    mode, colours = config.get('resize_mode', 'shortest'), config.get('mode', 'RGB')
    if mode not in _RESIZE_MODES or colours != 'RGB':
        raise ValueError(
            f'open_clip_config.json has resize_mode={mode!r}, mode={colours!r}; known '
            f"are {', '.join(_RESIZE_MODES)} and 'RGB'. {REMEDY}"
        )
    values = {name: config[name] for name in ('mean', 'std')}
    stats = ImageStats.of({**values, **_named_filter(config, 'open_clip_config.json')})
    return replace(stats, size=square(config.get('size') or 224, 'size'))


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
            f'{", ".join(RESAMPLE.values())}. {REMEDY}'
        )
    return {'interpolation': name}
