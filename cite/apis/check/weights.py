"""Check that the weights of a config are here, or can be fetched, and are intact."""

import os
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import clip.clip

from cite.core.files.clip_files import CACHE
from cite.core.files.elsewhere import looked_at, root_of
from cite.core.files.weights import load_weights
from cite.models.backbones.transformers_models import read_config, require_weights

from .report import Report

_WHERE = (
    ': docs/MODEL_ZOO.md says where the published models are, `cite convert` makes the '
    'file from them.'
)


def check_weights(cfg: Mapping[str, Any], report: Report) -> None:
    """Check all weights from which the model and the run start."""
    model = cfg.get('model') or {}
    for key in ('load_from', 'resume_from'):
        if cfg.get(key):
            _check_source(key, str(cfg[key]), report)
    if model.get('pretrained'):
        _check_source('model.pretrained', str(model['pretrained']), report)
    for name in ('backbone', 'neck', 'head'):
        part = model.get(name)
        for key, source in _sources(part if isinstance(part, Mapping) else {}):
            _check_source(f'model.{name}.{key}', source, report)
    _check_random(model, report)


def _sources(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys of a part that name weights, and their values."""
    init = part.get('init_cfg')
    if isinstance(init, Mapping) and init.get('type') == 'Pretrained':
        yield 'init_cfg.checkpoint', str(init.get('checkpoint'))
    if isinstance(part.get('checkpoint'), str):
        yield 'checkpoint', part['checkpoint']
    # mmcls' own vision transformers have an `arch` that names no weights.
    if isinstance(part.get('arch'), str) and 'CLIP' in str(part.get('type')):
        yield 'arch', part['arch']
    if part.get('type') == 'TransformersImageBackbone':
        yield 'model_name', f'transformers:{part.get("model_name")}'
    if part.get('pretrained') is True:
        yield 'pretrained', f'timm:{part.get("model_name")}'


def _check_random(model: Mapping[str, Any], report: Report) -> None:
    backbone = model.get('backbone') or {}
    has_weights = model.get('pretrained') or any(True for _ in _sources(backbone))
    if backbone and not has_weights and backbone.get('type') != 'FeatureBackbone':
        report.warn(
            'random weights',
            'model.backbone',
            f'{backbone.get("type")} starts from random weights: none of arch, '
            'checkpoint, pretrained, init_cfg names any. Is that intended?',
        )


def _check_source(key: str, source: str, report: Report) -> None:
    """Check that a source can be fetched, or read; a local one is read completely."""
    if source.startswith('timm:'):
        report.facts[key] = f'{source}, fetched from the hub at the first run'
    elif source.startswith('transformers:'):
        _check_transformers(key, source.partition(':')[2], report)
    elif source in clip.clip._MODELS:
        _check_clip(key, source, report)
    elif urlparse(source).scheme in ('http', 'https'):
        _check_url(key, source, f'wget {source}', report)
    elif '://' in source:
        report.facts[key] = f'{source}, fetched at the first run'
    else:
        check_file(key, source, report)


def _check_transformers(key: str, name: str, report: Report) -> None:
    folder = Path(name).expanduser()
    if not folder.is_dir() and not name.startswith(('/', '.', '~')):
        report.facts[key] = f'{name}, from the hub or its cache at the first run'
        return
    try:
        for file in require_weights(folder, name):
            check_file(key, str(file), report)
        read_config(folder)
    except FileNotFoundError as error:
        report.error('weights missing', key, str(error))
    except ValueError as error:
        report.error('weights unreadable', key, str(error))


def check_file(key: str, source: str, report: Report) -> None:
    """Read a weights file; a fault in it is an error in the report."""
    try:
        load_weights(Path(source).expanduser())
        report.facts[key] = f'{source} can be read'
    except FileNotFoundError:
        report.error(
            'weights missing',
            key,
            f'{source}: no such file.{looked_at(source)} Correct the path, or put the '
            'file there' + ('.' if root_of(source) else _WHERE),
        )
    except (ValueError, OSError) as error:
        report.error('weights unreadable', key, str(error))


def _check_clip(key: str, name: str, report: Report) -> None:
    url = clip.clip._MODELS[name]
    file = Path(CACHE).expanduser() / os.path.basename(url)
    if file.is_file():
        check_file(key, str(file), report)
    else:
        _check_url(key, url, f'mkdir -p {CACHE}; wget -P {CACHE} {url}', report)


def _check_url(key: str, url: str, command: str, report: Report) -> None:
    try:
        request = urllib.request.Request(url, method='HEAD')
        with urllib.request.urlopen(request, timeout=10) as answer:
            size = int(answer.headers.get('Content-Length') or 0) >> 20
        report.facts[key] = f'not here yet; the first run fetches {size} MiB: {url}'
    except (OSError, ValueError) as error:
        report.error(
            'weights missing',
            key,
            f'not on this machine, and {url} cannot be reached ({error}). Where there '
            f'is a network: {command}',
        )
