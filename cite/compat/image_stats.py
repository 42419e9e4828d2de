"""mmcls builds data sets from ``cfg.data`` alone, without a word about the model.

A pipeline step with ``mean='model'`` (or ``std``, ``interpolation``, ``size``) gets its
backbone's when it is built, so that who changes the backbone cannot forget them. Which
config a data set's is part of, mmcv does not say: configs are remembered weakly.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional
from weakref import WeakSet

from mmcls.datasets.builder import DATASETS, PIPELINES
from mmcv import Config
from mmcv.utils import build_from_cfg as _build_from_cfg

from .doors import rebind

FROM_MODEL = 'model'
KEYS = ('mean', 'std', 'interpolation', 'size')
_configs: 'WeakSet[Config]' = WeakSet()


def install() -> None:
    """Remember configs, and wrap ``build_from_cfg`` wherever it builds a pipeline."""
    if getattr(Config.__new__, 'remembers', False):
        return
    Config.__new__ = _remember  # type: ignore[method-assign, assignment]
    rebind(_build_from_cfg, build_from_cfg)
    for registry in (DATASETS, PIPELINES):
        registry.build_func = build_from_cfg


def _remember(cls: Any, *args: Any, **kwargs: Any) -> Config:
    config = object.__new__(cls)
    _configs.add(config)
    return config


_remember.remembers = True  # type: ignore[attr-defined]


@functools.wraps(_build_from_cfg)
def build_from_cfg(cfg: Any, *args: Any, **kwargs: Any) -> Any:
    return _build_from_cfg(resolve(cfg), *args, **kwargs)


def resolve(cfg: Any) -> Any:
    """Return a data set's or a step's config with the model's values filled in.

    Raises:
        ValueError: it is part of no known config, or nothing says the values.
    """
    if not isinstance(cfg, Mapping):
        return cfg
    steps = cfg.get('pipeline')
    open_steps = [step for step in steps or [cfg] if _asks(step)]
    if not open_steps:
        return cfg
    from cite.models.image_stats import image_stats

    stats = image_stats(_backbone_of(cfg))

    def filled(step: Any) -> Any:
        asked = [key for key in KEYS if _asks(step, key)]
        return {**step, **{key: getattr(stats, key) for key in asked}}

    if steps is None:
        return filled(cfg)
    return {**cfg, 'pipeline': [filled(s) if _asks(s) else s for s in steps]}


def _asks(step: Any, key: Optional[str] = None) -> bool:
    if not isinstance(step, Mapping):
        return False
    values = [step.get(k) for k in ((key,) if key else KEYS)]
    return any(isinstance(value, str) and value == FROM_MODEL for value in values)


def _backbone_of(part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Find the backbone of the config that a part of ``data`` belongs to."""
    candidates = [c for c in _configs if _get(c, 'model') and _get(c, 'data')]
    # A copy of a data set's config, as the extraction of features makes one, holds the
    # same pipeline.
    own = [p for p in (part, part.get('pipeline')) if p is not None]
    owners = [c for c in candidates if any(_is_in(p, c.data) for p in own)]
    found = owners or candidates
    backbones = [_get(c, 'model').get('backbone') or {} for c in found]
    if not backbones or any(b != backbones[0] for b in backbones):
        raise ValueError(
            f"a pipeline has mean='{FROM_MODEL}', but which model is meant is not "
            f'clear: it is part of {"several configs" if backbones else "no config"}. '
            'Build the data set from the config it stands in (cfg.data.train), or give '
            'mean, std, interpolation and size their values.'
        )
    return backbones[0]


def _get(config: Config, key: str) -> Any:
    # A config that is being made has nothing yet.
    return (config.__dict__.get('_cfg_dict') or {}).get(key)


def _is_in(part: Any, node: Any) -> bool:
    return any(part is other for other in _parts(node))


def _parts(node: Any) -> Iterator[Any]:
    """Yield a node and all that is below it."""
    yield node
    if isinstance(node, Mapping):
        for value in node.values():
            yield from _parts(value)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for value in node:
            yield from _parts(value)
