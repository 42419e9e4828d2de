"""Keys and types of a config that nothing reads or has, with what was meant.

A dict with a ``type`` is compared with the arguments of that class. At the top a config
may have variables of its own, so that only what resembles a known key is named.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, NamedTuple, Optional

from mmcls.datasets import build_dataloader
from mmcls.datasets.builder import DATASETS, PIPELINES, SAMPLERS
from mmcls.models.builder import MODELS
from mmcv.cnn import INITIALIZERS
from mmcv.runner import HOOKS, RUNNERS
from mmcv.runner.optimizer.builder import OPTIMIZERS
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader

from cite.core.evaluation.eval_hooks import hook_settings
from cite.core.messages import meant, shorten
from cite.datasets.slide_dataset import SlideDataset

from .config_types import UPDATERS, policy_hook, unknown_types

_REGISTRIES = (
    *(MODELS, DATASETS, PIPELINES, SAMPLERS, HOOKS, RUNNERS, OPTIMIZERS),
    INITIALIZERS,
)
# What mmcv takes out of a dict before it builds the class.
_TAKEN = {'type', 'priority', 'constructor', 'paramwise_cfg', 'override'}
# mmcls' tools take these out of `runner` for one kind of device.
_TAKEN |= {'ipu_model_cfg', 'options_cfg'}
# What mmcls, mmcv and this package read at the top.
_READ = (
    *('model', 'data', 'optimizer', 'optimizer_config', 'lr_config', 'runner'),
    *('momentum_config', 'checkpoint_config', 'log_config', 'evaluation', 'workflow'),
    *('custom_hooks', 'custom_imports', 'dist_params', 'log_level', 'load_from'),
    *('resume_from', 'auto_resume', 'work_dir', 'seed', 'deterministic', 'device'),
    *('gpu_ids', 'fp16', 'find_unused_parameters', 'cudnn_benchmark', 'sampler'),
    *('total_epochs', 'mp_start_method', 'opencv_num_threads', 'autoscale_lr'),
    *('profiler', 'ipu_options'),
)
# The usual names of variables: none is a misspelling of these.
_VARIABLES = (
    *('run_name', 'n', 'dataset_type', 'img_norm_cfg', 'paramwise_cfg', 'data_root'),
    *('data_prefix', 'train_pipeline', 'test_pipeline', 'train_cfg', 'test_cfg'),
    *('samples_per_gpu', 'workers_per_gpu', 'interval'),
)
_TOP = (*_READ, *_VARIABLES)
# Keys of dicts without a type that mmcv and mmcls read one by one, and no others.
_PARAMWISE = {
    *('custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult'),
    *('dwconv_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate'),
}
_PARTS = ('train', 'val', 'test')
_USUAL = 'DefaultOptimizerConstructor'
_NEAR = 0.8  # share of letters in common from which a name is a misspelling


class UnknownKey(NamedTuple):
    """A key that nothing reads."""

    key: str  # its place, such as 'model.backbone.promt_length'
    message: str
    certain: bool  # False: it only resembles a known key


def unknown_keys(cfg: Mapping[str, Any]) -> list[UnknownKey]:
    """List the keys of a config that nothing reads, and types that nothing has.

    Args:
        cfg: config of a run, whose custom imports are done.
    """
    unknown = []
    for key in cfg:
        if key in _TOP or key.startswith('_'):
            continue
        if get_close_matches(key, _TOP, n=1, cutoff=_NEAR):
            message = f'nothing reads {key!r}{meant(key, _TOP)}'
            unknown.append(UnknownKey(key, message, False))
    unknown += _of_plain(cfg)
    unknown += _of_parameters(_inner(cfg, 'optimizer'))
    for key in cfg:
        if not key.startswith('_') and key in _TOP:
            unknown += _of_types(key, cfg[key])
    types = [UnknownKey(*unknown_type, True) for unknown_type in unknown_types(cfg)]
    return unknown + types


def _of_plain(cfg: Mapping[str, Any]) -> Iterator[UnknownKey]:
    """Yield the unknown keys of dicts without a ``type``, each of which has its own."""
    data, loader_keys = _inner(cfg, 'data'), _loader_keys()
    loaders = {f'{part}_dataloader' for part in _PARTS}
    yield from _compare('data', data, {*_PARTS, *loaders, *loader_keys})
    # Those of an IPU have more.
    for name in sorted(loaders):
        yield from _compare(f'data.{name}', data.get(name), loader_keys, False)
    yield from _compare('fp16', cfg.get('fp16'), {'loss_scale'}, False)
    clipping = {*inspect.signature(clip_grad_norm_).parameters} - {'parameters'}
    optimizer, model = _inner(cfg, 'optimizer_config'), _inner(cfg, 'model')
    for where, node, known in (
        ('evaluation', cfg.get('evaluation'), _evaluation_keys(cfg)),
        ('optimizer_config.grad_clip', optimizer.get('grad_clip'), clipping),
        ('log_config', cfg.get('log_config'), {'interval', 'hooks'}),
        ('model.train_cfg', model.get('train_cfg'), {'augments'}),
    ):
        yield from _compare(where, node, known)
    for key, name in _hooks(cfg):
        node, hook = cfg.get(key), HOOKS.get(name)
        if isinstance(node, Mapping) and 'type' not in node and hook is not None:
            known, certain = arguments(hook)
            yield from _compare(key, node, {*known, *_TAKEN, 'policy'}, certain)


def unread_options(cfg: Mapping[str, Any], keys: Iterable[str]) -> list[UnknownKey]:
    """List options of a command line that change a config's variables alone.

    A config is read before ``--cfg-options`` are put into it: what a variable such as
    ``data_root`` had in it is in its places then.

    Args:
        cfg: the config.
        keys: keys of the options, such as ``'data_root'`` or ``'optimizer.lr'``.
    """
    unread = []
    for key in keys:
        top = key.split('.')[0]
        if top in _READ:
            continue
        places = [
            place for part in _READ for place in _places(cfg.get(part), part, top)
        ]
        hint = f': write {shorten(places, 3)}.' if places else meant(top, _READ)
        message = (
            f'the option {key!r} has no effect: a config is read before its options '
            f'are set, and nothing reads {top!r} after that{hint}'
        )
        unread.append(UnknownKey(key, message, True))
    return unread


def _places(node: Any, where: str, name: str) -> Iterator[str]:
    """Yield the keys of a config that end in a name."""
    if isinstance(node, (list, tuple)):
        node = dict(enumerate(node))
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == name:
                yield f'{where}.{key}'
            yield from _places(value, f'{where}.{key}', name)


def arguments(kind: Any) -> tuple[set[str], bool]:
    """Return the arguments that a class takes, and whether these are all.

    A class that has ``**kwargs`` takes its base's too, if it passes them on; what else
    it does with them cannot be known.
    """
    known: set[str] = set()
    certain = True
    for base in inspect.getmro(kind) if isinstance(kind, type) else (kind,):
        init = base.__dict__.get('__init__') if isinstance(base, type) else base
        if init is None or base is object:
            continue
        try:
            parameters = inspect.signature(init).parameters.values()
        except (TypeError, ValueError):
            return known, False
        known |= {p.name for p in parameters}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return known, certain
        certain = certain and _passes_on(init)
        if hasattr(kind, 'adapt'):  # an AdaptedBackbone's, which it takes out itself
            known |= {*inspect.signature(kind.adapt).parameters}
    return known, False


@cache
def _passes_on(init: Any) -> bool:
    """Tell whether ``super().__init__`` gets the ``**kwargs`` whole."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(init)))
    except (OSError, TypeError, SyntaxError):
        return False
    to_init = [
        isinstance(node.func, ast.Attribute) and node.func.attr == '__init__'
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and any(k.arg is None for k in node.keywords)
    ]
    touched = any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == 'kwargs'
        for node in ast.walk(tree)
    )
    return bool(to_init) and all(to_init) and not touched


def _of_types(where: str, node: Any) -> Iterator[UnknownKey]:
    """Yield the unknown keys of all dicts with a ``type`` in a part of a config."""
    if isinstance(node, (list, tuple)):
        for i, member in enumerate(node):
            yield from _of_types(f'{where}[{i}]', member)
    if not isinstance(node, Mapping):
        return
    kind = node.get('type')
    classes = [r.get(kind) for r in _REGISTRIES] if isinstance(kind, str) else []
    takes = [
        arguments(known_class) for known_class in classes if known_class is not None
    ]
    if takes:
        known = {*_TAKEN}.union(*(names for names, _ in takes))
        certain = all(is_closed for _, is_closed in takes)
        yield from _compare(where, node, known, certain)
    for key, value in node.items():
        if key != 'policies':  # RandAugment's, which takes entries out of them
            yield from _of_types(f'{where}.{key}', value)


def _compare(
    where: str, node: Any, known: Optional[set[str]], certain: bool = True
) -> Iterator[UnknownKey]:
    """Yield a dict's keys that are not known; if not certain, misspellings alone."""
    if not isinstance(node, Mapping) or known is None:
        return
    for key in node:
        if key in known:
            continue
        if certain or get_close_matches(key, known, n=1, cutoff=_NEAR):
            message = f'{where} has no {key!r}{meant(key, known)}'
            yield UnknownKey(f'{where}.{key}', message, certain)


def _inner(cfg: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = cfg.get(key)
    return value if isinstance(value, Mapping) else {}


def _of_parameters(optimizer: Mapping[str, Any]) -> Iterator[UnknownKey]:
    """Yield the unknown keys of mmcv's own way to tell parameters apart."""
    if optimizer.get('constructor', _USUAL) != _USUAL:
        return
    where = 'optimizer.paramwise_cfg'
    settings = _inner(optimizer, 'paramwise_cfg')
    yield from _compare(where, settings, _PARAMWISE)
    for name, values in _inner(settings, 'custom_keys').items():
        place = f'{where}.custom_keys.{name}'
        yield from _compare(place, values, {'lr_mult', 'decay_mult'})


def _loader_keys() -> set[str]:
    known: set[str] = set()
    for function in (build_dataloader, DataLoader.__init__):
        known |= {*inspect.signature(function).parameters}
    # mmcls' own, which ours passes on.
    return known | {'num_gpus', 'dist', 'shuffle', 'round_up', 'seed', 'pin_memory'}


def _evaluation_keys(cfg: Mapping[str, Any]) -> Optional[set[str]]:
    """Return the keys of ``evaluation``; None for a data set that isn't ours."""
    data = (cfg.get('data') or {}).get('val')
    kind = DATASETS.get(data.get('type', '')) if isinstance(data, Mapping) else None
    if kind is None or not issubclass(kind, SlideDataset):
        return None
    evaluated = {*inspect.signature(kind.evaluate).parameters}
    return hook_settings() | evaluated


def _hooks(cfg: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the keys that stand for a hook without ``type``, and the hook's name."""
    yield 'checkpoint_config', 'CheckpointHook'
    yield 'optimizer_config', 'OptimizerHook'
    for key, ending in UPDATERS.items():
        policy = (cfg.get(key) or {}).get('policy')
        if isinstance(policy, str):
            yield key, policy_hook(policy, ending)
