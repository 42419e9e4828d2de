"""What a backbone's config says of its images: mean, std, interpolation and size."""

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import timm
from timm.models import get_pretrained_cfg

from cite.core.image_stats import IMAGENET, OPENAI_CLIP, ImageStats, read_image_stats
from cite.models.backbones.transformers_models import fetch

from .architectures import NAMED

# PIL's numbers, which preprocessor_config.json has, in the names of torchvision.
_RESAMPLE = {0: 'nearest', 1: 'lanczos', 2: 'bilinear', 3: 'bicubic', 4: 'box'}


def image_stats(backbone: Mapping[str, Any]) -> ImageStats:
    """Return how the images of a backbone's config are normalised, sized and resized.

    In this order: the config's own ``image_stats``; what the converted checkpoint says;
    what the model's name says (timm's tag, ``preprocessor_config.json``, CLIP). Of
    mmcls' own backbones nothing is known: with a warning, ImageNet's.

    Args:
        backbone: config of a registered backbone.

    Raises:
        ValueError: nothing says it.
        FileNotFoundError: a file that would say it is not there.
    """
    if backbone.get('image_stats'):
        return ImageStats.of(backbone['image_stats'])
    init_cfg = backbone.get('init_cfg') or {}
    for path in (backbone.get('checkpoint'), init_cfg.get('checkpoint')):
        found = read_image_stats(path)
        if found:
            return found
    return _READERS.get(str(backbone.get('type')), _of_mmcls)(backbone)


def _clip(backbone: Mapping[str, Any]) -> ImageStats:
    from cite.datasets.pipelines import CLIPPreprocess

    size = CLIPPreprocess(backbone['arch']).size
    return ImageStats(OPENAI_CLIP.mean, OPENAI_CLIP.std, size=size)


def _timm(backbone: Mapping[str, Any]) -> ImageStats:
    name = backbone['model_name']
    if name.startswith(('hf-hub:', 'hf_hub:')):
        return _timm_hub(name)
    config = get_pretrained_cfg(name) if timm.is_model(name) else None
    own = config is not None and config.architecture in NAMED
    # Without a tag the name says the architecture, not whose weights a file holds.
    if config is None or not (own or '.' in name or backbone.get('pretrained')):
        raise _unknown(
            backbone,
            "the name has no tag. Add the tag of its weights (e.g. '.dino'; "
            f"timm.list_pretrained('{name.split('.')[0]}*') lists them)",
        )
    return _of_timm(config.to_dict(), backbone)


def _of_timm(config: Mapping[str, Any], backbone: Mapping[str, Any]) -> ImageStats:
    size = backbone.get('img_size', config.get('input_size', (3, 224, 224))[-1])
    interpolation = config.get('interpolation', 'bicubic')
    return ImageStats(tuple(config['mean']), tuple(config['std']), interpolation, size)


def _timm_hub(name: str) -> ImageStats:
    from timm.models import load_model_config_from_hf

    try:
        config = load_model_config_from_hf(name.partition(':')[2])[0]
    except Exception as error:  # the hub has an exception for each way to fail
        raise FileNotFoundError(
            f'{name}: its config.json could not be had from the hub '
            f'({str(error).strip().splitlines()[0]}). Put image_stats=dict(mean=…, '
            'std=…) into the backbone, or fetch the model first.'
        ) from error
    return _of_timm(config, {})


def _transformers(backbone: Mapping[str, Any]) -> ImageStats:
    file = fetch(backbone['model_name']) / 'preprocessor_config.json'
    if not file.is_file():
        raise _unknown(backbone, f'there is no {file}')
    return _of_preprocessor(file, backbone)


def _of_preprocessor(file: Path, backbone: Mapping[str, Any]) -> ImageStats:
    config = json.loads(file.read_text(encoding='utf-8'))
    if not {'image_mean', 'image_std'} <= {*config}:
        raise _unknown(backbone, f'{file} has no image_mean and image_std')
    size = config.get('crop_size') or config.get('size') or 224
    if isinstance(size, dict):
        size = size.get('height') or size.get('shortest_edge') or 224
    return ImageStats(
        tuple(config['image_mean']),
        tuple(config['image_std']),
        _RESAMPLE.get(config.get('resample', 3), 'bicubic'),
        size,
    )


def _imagenet(backbone: Mapping[str, Any]) -> ImageStats:
    # InternImage's; of features that stand in for images it does not matter.
    return IMAGENET


def _of_mmcls(backbone: Mapping[str, Any]) -> ImageStats:
    """Take ImageNet's, as the released data pipeline did, and say so."""
    warnings.warn(
        f'a {backbone.get("type")} does not say how its images are normalised: '
        "ImageNet's mean and std are taken, which MoCo v3's and DINO's weights want. "
        'For others give the data pipeline the mean and std of their training.',
        stacklevel=2,
    )
    return IMAGENET


def _unknown(backbone: Mapping[str, Any], why: str) -> ValueError:
    name = backbone.get('model_name') or backbone.get('arch') or ''
    return ValueError(
        f'how images of {backbone.get("type")} {name} are normalised is not known: '
        f'{why}. Or put image_stats=dict(mean=[…], std=[…]) into model.backbone, or '
        'convert its checkpoint by tools/convert_model.py, which notes it in the file.'
    )


_READERS: dict[str, Callable[[Mapping[str, Any]], ImageStats]] = {
    'CLIPImageBackbone': _clip,
    'PromptedCLIPImageBackbone': _clip,
    'TIMMImageBackbone': _timm,
    'TransformersImageBackbone': _transformers,
    'InternImage': _imagenet,
    'FeatureBackbone': _imagenet,
}
