"""mmcv loads a checkpoint of another model with no more than a printed warning.

``mim test`` then evaluates weights that were never trained, and ``--resume-from`` goes
on with them. Here a whole classifier takes a whole checkpoint or says what does not
fit. Where training starts from a checkpoint (``load_from``) a part is enough, as in
mmcls, but nothing at all is an error. Parts (a backbone's ``init_cfg``) and models
without any part of ours are left to mmcv.
"""

import functools
import importlib
import logging
from collections.abc import Iterator, Mapping
from typing import Optional

from mmcls.models.classifiers.base import BaseClassifier
from mmcv.parallel import is_module_wrapper
from mmcv.runner.checkpoint import load_state_dict as _load_state_dict
from torch import Tensor, nn

from cite.core.files import checkpoint_loader
from cite.core.frozen import DIGEST_KEY, NO_CHECKPOINT_KEY

from . import CITEClassifier

# What is trained: a model that lacks such a part of a checkpoint is another one.
# Other names may be there in excess, as those of mmcv's moving averages are.
_TRAINED = ('neck.', 'head.', 'backbone.prompt')
_LORA = '.lora_'  # in the names of peft's adapters


def install() -> None:
    """Replace ``load_state_dict`` as mmcv's ``load_checkpoint`` sees it."""
    importlib.import_module('mmcv.runner.checkpoint').load_state_dict = load_state_dict  # type: ignore


@functools.wraps(_load_state_dict)
def load_state_dict(
    module: nn.Module,
    state_dict: Mapping[str, Tensor],
    strict: bool = False,
    logger: Optional[logging.Logger] = None,
) -> None:
    """Load a state dict into a classifier, or say that it is another model's.

    Args:
        module: any module; only whole classifiers are treated in another way than by
            mmcv.
        state_dict: names and weights.
        strict: everything must fit, as for a resumed run.
        logger: with it, and not ``strict``, training starts from these weights.

    Raises:
        ValueError: the state dict does not fit, or is none.
    """
    model = module.module if is_module_wrapper(module) else module
    file, checkpoint_loader.last_read = checkpoint_loader.last_read, ''
    if not isinstance(model, BaseClassifier) or not _has_parts_of_ours(model):
        _load_state_dict(module, state_dict, strict, logger)
        return
    checkpoint_loader.check_state_dict(state_dict, file)
    starting = logger is not None and not strict
    # Taken down before the model's own hooks complete the state dict.
    saved = {k: tuple(getattr(v, 'shape', ())) for k, v in state_dict.items()}
    if starting:
        _check_anything(model, saved, file)
    notes = _Notes()
    try:
        _load_state_dict(module, state_dict, False, notes)
    except ValueError as error:  # of a part: another prompt, other texts or weights
        raise ValueError(f'{file or "the state dict"}: {error}') from error
    problems = [] if starting else list(_problems(model, saved))
    if problems:
        raise ValueError(
            f'{file or "the state dict"} is the checkpoint of another model: '
            f'{"; ".join(problems)}. Use the config of its training run.'
        )
    for text in notes:
        logger.warning(text) if logger is not None else print(text)


class _Notes(list):
    """Stands where mmcv wants a logger, and keeps what it says."""

    warning = list.append


def _has_parts_of_ours(model: nn.Module) -> bool:
    return any(type(part).__module__.startswith('cite.') for part in model.modules())


def _check_anything(model: nn.Module, saved: Mapping[str, tuple], file: str) -> None:
    own = dict(model.named_parameters())
    if not any(name in own or name == NO_CHECKPOINT_KEY for name in saved):
        raise ValueError(
            f'{file or "the state dict"} is the checkpoint of another model: none of '
            f'its {len(saved)} names ({_some(list(saved))}) is one of this '
            f'model ({_some(list(own))}). Name another load_from, or convert the file '
            'with tools/convert_model.py.'
        )


def _problems(model: nn.Module, saved: Mapping[str, tuple]) -> Iterator[str]:
    """Say what of a checkpoint, given by its shapes, does not fit a classifier."""
    own = dict(model.named_parameters())
    other = [
        f'{name} is {saved[name]} there, {tuple(value.shape)} here'
        for name, value in own.items()
        if name in saved and saved[name] != tuple(value.shape)
    ]
    left_out = isinstance(model, CITEClassifier) and (
        DIGEST_KEY in saved or NO_CHECKPOINT_KEY in saved
    )
    missing = [
        name
        for name, value in own.items()
        if name not in saved and (value.requires_grad or not left_out)
    ]
    known = set(_names(model))
    trained = (n for n in saved if n.startswith(_TRAINED) or _LORA in n)
    excess = [name for name in trained if name not in known]
    if other:
        yield _some(other, 2)
    if missing:
        yield f'it lacks {_some(missing)}'
    if excess:
        yield f'this config has no {_some(excess)}'


def _names(model: nn.Module) -> Iterator[str]:
    """Yield the names of all parameters and buffers, those that are None included."""
    for prefix, module in model.named_modules():
        for name in (*module._parameters, *module._buffers):
            yield f'{prefix}.{name}'.lstrip('.')


def _some(items: list, count: int = 3) -> str:
    more = f' and {len(items) - count} more' if len(items) > count else ''
    return ', '.join(items[:count]) + more


load_checkpoint = importlib.import_module('mmcv.runner').load_checkpoint  # TEMP
