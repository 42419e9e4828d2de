"""The image models that a new project can choose, from shipped configs."""

from pathlib import Path
from typing import Any, NamedTuple, Optional

import timm
import torch
from mmcls.models import build_backbone

from cite.apis.shipped_configs import shipped_configs
from cite.core.image_stats import HALF, IMAGENET, OPENAI_CLIP
from cite.core.messages import check_choice, first_line
from cite.models.backbones.timm_models import create, is_plain_vit
from cite.models.class_token import class_token
from cite.models.image_stats import image_stats

from .shipped import choose, facts_of, read, source

# Their folders hold language models, or image models with texts of their own.
_WITHOUT_IMAGES = ('_base_', 'language', 'vision_language')
_SHORT = {'clip': 'clip_vitb16', 'dinov2': 'dinov2_vits14', 'uni2': 'uni2_h'}
_SIZE = 224  # of the images, in the base config
_FILE_KEYS = ('checkpoint', 'arch', 'model_name')
#: Mean and deviation of the images, by the names of ``--image-stats``.
IMAGE_STATS = {'imagenet': IMAGENET, 'clip': OPENAI_CLIP, 'half': HALF}


class Backbone(NamedTuple):
    """An image model: the config to inherit and what to set in it."""

    name: str
    base: str  # below the folder of shipped configs
    model: dict[str, Any]  # `model` of the new config
    note: str  # where the weights are from


def find_backbone(
    name: str, weights: Optional[str] = None, stats: Optional[str] = None
) -> Backbone:
    """Choose an image model.

    Args:
        name: name of a config in ``configs/foundation``, such as ``phikon``, or
            ``timm:NAME`` for a model of timm with the weights of timm's hub.
        weights: file or folder to take the weights from instead.
        stats: how the images of these weights are normalised, where their file does
            not say it: a key of ``IMAGE_STATS``.

    Raises:
        ValueError: no model has this name, or nothing says how its images are
            normalised.
    """
    given = _given_stats(stats, weights)
    if weights is not None:
        weights = str(Path(weights).expanduser().absolute())
    if name.startswith('timm:'):
        return _of_timm(name[len('timm:') :], weights, given)
    configs = _configs(without=_WITHOUT_IMAGES)
    path = choose('--backbone', name, configs, _SHORT)
    facts, backbone = facts_of(path), read(path).model.backbone
    keys = [key for key in _FILE_KEYS if key in backbone]
    model: dict[str, Any] = {}
    note = f'{source(facts)}, downloaded at the first run'
    neck: dict[str, Any] = {}
    if weights is not None:
        model = {keys[0]: weights, **given}
        whole = {**backbone.to_dict(), **model}
        note, neck = weights + _stats_note(whole), {'in_features': _width(whole)}
    elif backbone.get('checkpoint') and timm.is_model_pretrained(backbone.model_name):
        model = {'checkpoint': None, 'pretrained': True}
        note = f"timm's {backbone.model_name}, downloaded at the first run"
    elif str(backbone[keys[0]]).startswith('data/models/'):
        file = Path(backbone[keys[0]]).name
        model = {keys[0]: f'{{here}}/{file}'}
        note = _how_to_get(facts, backbone[keys[0]], file)
    base = path.relative_to(shipped_configs()).as_posix()
    parts = {'backbone': model, 'neck': neck}
    name = path.stem if weights is None else Path(weights).stem
    return Backbone(name, base, {k: v for k, v in parts.items() if v}, note)


def _given_stats(name: Optional[str], weights: Optional[str]) -> dict[str, Any]:
    if name is None:
        return {}
    if weights is None:
        raise ValueError('--image-stats is for weights of your own: add --weights.')
    check_choice('--image-stats', name, [*IMAGE_STATS])
    stats = IMAGE_STATS[name]
    return {'image_stats': {'mean': stats.mean, 'std': stats.std}}


def _stats_note(backbone: dict[str, Any]) -> str:
    stats = image_stats(backbone)
    mean, std = (' '.join(f'{x:.3g}' for x in v) for v in (stats.mean, stats.std))
    return f'; images are normalised by mean {mean}, std {std}'


def _of_timm(name: str, weights: Optional[str], given: dict[str, Any]) -> Backbone:
    """Choose a model of timm; without its weights, the width is read off the model."""
    if weights is None and '.' not in name and timm.is_model_pretrained(name):
        tag = getattr(timm.get_pretrained_cfg(name), 'tag', '')
        name = f'{name}.{tag}'  # it tells mean and std
    backbone: dict[str, Any] = {'type': 'TIMMImageBackbone', 'model_name': name}
    backbone.update({'checkpoint': weights} if weights else {'pretrained': True})
    backbone.update(given)
    if is_plain_vit(create(name, False)):
        backbone.update(prompt_length=1, prompt_init='token')
    width = _width({**backbone, 'pretrained': False})
    note = weights or f"timm's {name}, downloaded at the first run"
    note += _stats_note(backbone)
    model = {'backbone': backbone, 'neck': {'in_features': width}}
    short = (
        (Path(weights).stem if weights else name).replace('.', '_').replace('/', '_')
    )
    return Backbone(short, 'foundation/_base_/cite.py', model, note)


def _width(backbone: dict[str, Any]) -> int:
    """Return the width of the features, from the model itself."""
    image_stats(backbone)  # an error if nothing tells them
    plain = {k: v for k, v in backbone.items() if not k.startswith('prompt_')}
    try:
        model = build_backbone(plain).eval()
    except TypeError as error:
        raise ValueError(f'{plain["type"]}: {first_line(error)}') from error
    with torch.no_grad():
        return class_token(model(torch.zeros(1, 3, _SIZE, _SIZE))).shape[1]


def _configs(without: tuple[str, ...]) -> dict[str, Path]:
    paths = sorted(shipped_configs().glob('foundation/*/*.py'))
    return {path.stem: path for path in paths if path.parent.name not in without}


def _how_to_get(facts: dict[str, Any], shipped: str, file: str) -> str:
    access = facts.get('Access', 'access: see its page')
    convert = facts.get('Conversion', '').replace(shipped, '{project}/' + file)
    ending = f', then `{convert}`' if convert else f', put it into {{project}}/{file}'
    return f'not included. Get them at {source(facts)}; {access}{ending}'
