"""The parts of a model as data: which are allowed, and where frozen weights are read.

A config.json is a stranger's. Its parts are those of this package and of mmcls; their
arguments are plain data, and none of them lets a hub's code run.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

from mmcls.models.builder import MODELS

from cite.core.files.elsewhere import looked_at

from .rules import check_numbers, wrong

_CLASSIFIERS = ('CITEClassifier', 'ImageClassifier')
# Where the classes of each part may be defined.
_ROOMS = {
    'backbone': ('cite.models.backbones.', 'mmcls.models.backbones.'),
    'neck': ('cite.models.necks.', 'mmcls.models.necks.'),
    'head': ('cite.models.heads.', 'mmcls.models.heads.'),
    'text_encoder': ('cite.models.text_encoders.',),
}
# The argument that names the weights of our backbones; mmcls' have an init_cfg.
_WEIGHTS_KEY = {
    'CLIPImageBackbone': 'arch',
    'PromptedCLIPImageBackbone': 'arch',
    'TIMMImageBackbone': 'checkpoint',
    'InternImage': 'checkpoint',
    'TransformersImageBackbone': 'model_name',
}
_NAME = re.compile(r'\w{1,100}')
# mmcv's and torch's own stores; other addresses would be a stranger's choice.
_STORES = ('https://', 'torchvision://', 'open-mmlab://', 'mmcls://')


def check_model(model: Mapping[str, Any], file: str) -> None:
    """Check the ``model`` of a config.json, part by part.

    Raises:
        ValueError: a part that is not ours or mmcls', or an argument that is refused.
    """
    if model['type'] not in _CLASSIFIERS:
        raise wrong(file, 'model.type', model['type'], ' or '.join(_CLASSIFIERS))
    check_numbers(model, file, 'model')
    _check_part(model['backbone'], 'backbone', file, 'model.backbone')
    _check_part(model['head'], 'head', file, 'model.head')
    necks = model['neck'] or []
    for neck in necks if isinstance(necks, list) else [necks]:
        _check_part(neck, 'neck', file, 'model.neck')
    encoder = model['head'].get('text_encoder')
    if encoder is not None:
        _check_part(encoder, 'text_encoder', file, 'model.head.text_encoder')
    for at, key, value in walk(model, 'model'):
        _check_argument(at, key, value, file)


def _check_part(part: Any, role: str, file: str, at: str) -> None:
    kind = part.get('type') if isinstance(part, dict) else None
    known = (
        MODELS.get(kind) if isinstance(kind, str) and _NAME.fullmatch(kind) else None
    )
    if known is None or not known.__module__.startswith(_ROOMS[role]):
        role = role.replace('_', ' ')
        raise wrong(
            file, f'{at}.type', kind, f"the name of a {role} of cite's or mmcls'"
        )


def _check_argument(at: str, key: str, value: Any, file: str) -> None:
    if key == 'type' and not (isinstance(value, str) and _NAME.fullmatch(value)):
        raise wrong(file, at, value, 'a registered name')
    if key == 'trust_remote_code' and value:
        raise wrong(file, at, value, 'false: a model that is passed on runs no code')
    is_address = isinstance(value, str) and '://' in value[:40]
    if is_address and not value.startswith(_STORES):
        raise wrong(file, at, value, f'a path, or start with {", ".join(_STORES)}')


def walk(node: Any, at: str, key: str = '') -> Iterator[tuple[str, str, Any]]:
    """Yield place, last key and value of every entry that is not a container."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from walk(value, f'{at}.{name[:60]}', name)
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from walk(value, f'{at}[{i}]', key)
    else:
        yield at, key, node


def weights_source(backbone: Mapping[str, Any]) -> Optional[str]:
    """Return the name or path that a backbone's config gives for its weights."""
    if backbone.get('pretrained') is True:
        return f'timm:{backbone.get("model_name")}'
    key = _WEIGHTS_KEY.get(backbone['type'])
    init_cfg = backbone.get('init_cfg')
    if key is None and isinstance(init_cfg, Mapping):
        return init_cfg.get('checkpoint')
    return backbone.get(key) if key else None


def with_weights(backbone: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a backbone's config that reads its weights from another file or folder."""
    key = _WEIGHTS_KEY.get(backbone['type'])
    if key is not None:
        changed = {k: v for k, v in backbone.items() if k != 'pretrained'}
        return {**changed, key: path}
    init_cfg = backbone.get('init_cfg')
    init_cfg = init_cfg if isinstance(init_cfg, Mapping) else {'type': 'Pretrained'}
    return {**backbone, 'init_cfg': {**init_cfg, 'checkpoint': path}}


def find_weights(
    backbone: Mapping[str, Any], folder: Path, weights: Optional[str]
) -> dict[str, Any]:
    """Return the config of a backbone with the place of its weights on this machine.

    In this order: ``weights``, the place that the folder's config.json names, and a
    file of that name beside config.json.

    Raises:
        FileNotFoundError: ``weights`` does not exist.
    """
    if weights is not None:
        path = Path(weights).expanduser()
        if not path.exists():
            raise FileNotFoundError(
                f'weights={weights}: no such file or folder.{looked_at(weights)}'
            )
        return with_weights(backbone, str(path))
    source = weights_source(backbone)
    if source is None or '://' in source or Path(source).expanduser().exists():
        return dict(backbone)
    beside = folder / Path(source).name
    return with_weights(backbone, str(beside)) if beside.exists() else dict(backbone)
