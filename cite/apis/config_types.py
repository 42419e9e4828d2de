"""Types of a config that no registry has, such as ``type='EMAHok'``, and missing ones.

mmcv finds them where it builds the part, which may be after minutes, and lists nothing
that resembles them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from mmcls.datasets.builder import DATASETS, PIPELINES
from mmcls.models.builder import MODELS
from mmcv.runner import HOOKS, RUNNERS
from mmcv.runner.optimizer.builder import OPTIMIZERS
from mmcv.utils import Registry

from cite.core.messages import meant

_INNER = ('dataset', 'datasets')  # of wrappers of data sets
_MODEL = ('backbone', 'neck', 'head', 'loss', 'text_encoder')
#: How the names of hooks end that follow a policy, by the key of the policy.
UPDATERS = {'lr_config': 'LrUpdaterHook', 'momentum_config': 'MomentumUpdaterHook'}


class UnknownType(NamedTuple):
    """A type that nothing has registered, or a part without a type."""

    key: str  # its place, such as 'custom_hooks[0].type'
    message: str


def unknown_types(cfg: Mapping[str, Any]) -> list[UnknownType]:
    """List the types of a config that cannot be built.

    Args:
        cfg: config of a run, whose custom imports are done.
    """
    data, log = cfg.get('data') or {}, cfg.get('log_config') or {}
    found = [*_of_part('model', cfg.get('model'), MODELS, _MODEL)]
    for part in ('train', 'val', 'test'):
        found += _of_data(f'data.{part}', data.get(part))
    found += _of_part('runner', cfg.get('runner'), RUNNERS)
    found += _of_part('optimizer', cfg.get('optimizer'), OPTIMIZERS)
    found += _of_part('custom_hooks', cfg.get('custom_hooks'), HOOKS)
    found += _of_part('log_config.hooks', log.get('hooks'), HOOKS)
    for key, ending in UPDATERS.items():
        found += _of_policy(key, cfg.get(key), ending)
    return found


def policy_hook(policy: str, ending: str) -> str:
    """Return the name of a policy's hook, as mmcv makes it."""
    name = policy.title() if policy == policy.lower() else policy
    return f'{name}{ending}'


def _of_part(
    where: str, node: Any, registry: Registry, inner: tuple[str, ...] = ()
) -> Iterator[UnknownType]:
    """Yield the fault of a part, or of each in a list, and of the parts in it."""
    if isinstance(node, (list, tuple)):
        for i, member in enumerate(node):
            yield from _of_part(f'{where}[{i}]', member, registry, inner)
    if not isinstance(node, Mapping) or not node:
        return
    kind = node.get('type')
    if 'type' not in node:
        keys = ', '.join(map(str, node))
        yield UnknownType(f'{where}.type', f"{where} has no 'type', only {keys}.")
    elif isinstance(kind, str) and registry.get(kind) is None:
        known = f'{where}.type is {kind!r}, which nothing has registered'
        message = f'{known}{meant(kind, registry.module_dict)}'
        yield UnknownType(f'{where}.type', message)
    for key in inner:
        yield from _of_part(f'{where}.{key}', node.get(key), registry, inner)


def _of_data(where: str, node: Any) -> Iterator[UnknownType]:
    if isinstance(node, Mapping):
        yield from _of_part(where, node, DATASETS)
        yield from _of_part(f'{where}.pipeline', node.get('pipeline'), PIPELINES)
        for key in _INNER:
            yield from _of_data(f'{where}.{key}', node.get(key))
    if isinstance(node, (list, tuple)):
        for i, member in enumerate(node):
            yield from _of_data(f'{where}[{i}]', member)


def _of_policy(where: str, node: Any, ending: str) -> Iterator[UnknownType]:
    policy = node.get('policy') if isinstance(node, Mapping) else None
    if isinstance(policy, str) and HOOKS.get(policy_hook(policy, ending)) is None:
        names = [n[: -len(ending)] for n in HOOKS.module_dict if n.endswith(ending)]
        message = f'{where}.policy is {policy!r}, which mmcv does not have'
        yield UnknownType(f'{where}.policy', f'{message}{meant(policy, names)}')
