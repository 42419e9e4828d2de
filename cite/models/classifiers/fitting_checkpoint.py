"""mmcv loads a checkpoint of another model with only a printed warning.

``mim test`` would evaluate weights that were never trained. Here a whole classifier
takes a whole checkpoint, or an error states what does not fit. Where training starts
from a checkpoint (``load_from``), a part of it is enough, as in mmcls, but not none.
Parts (a backbone's ``init_cfg``) and models without any part of ours are left to mmcv.
"""

import logging
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Optional, Union

from mmcls.models.classifiers.base import BaseClassifier
from mmcv.parallel import is_module_wrapper
from mmcv.runner import CheckpointLoader, load_state_dict
from mmcv.runner.checkpoint import load_checkpoint as _load_checkpoint
from torch import Tensor, nn

from cite.core.files.checkpoint_loader import check_checkpoint, check_state_dict
from cite.core.frozen import DIGEST_KEY, NO_CHECKPOINT_KEY
from cite.core.messages import shorten

from .cite_classifier import CITEClassifier
from .image_classifier import ImageClassifier

# Trained parts: a model that lacks one of a checkpoint's is another model. Other names
# may be in excess, as those of mmcv's moving averages are.
_TRAINED = ('neck.', 'head.', 'backbone.prompt')
_LORA = '.lora_'  # in the names of peft's adapters


def load_checkpoint(
    model: nn.Module,
    filename: str,
    map_location: Union[str, Callable, None] = None,
    strict: bool = False,
    logger: Optional[logging.Logger] = None,
    revise_keys: Sequence[tuple[str, str]] = ((r'^module\.', ''),),
) -> dict[str, Any]:
    """Load a checkpoint, or state that it is another model's; replaces mmcv's function.

    Args:
        model: any module; only whole classifiers are treated differently than by mmcv.
        filename: path, URL or hub name of the checkpoint.
        map_location: device that it is read onto, as in ``torch.load``.
        strict: everything must fit, as for a resumed run.
        logger: where mmcv's warnings go. With it, and without ``strict``, training
            starts from these weights.
        revise_keys: regular expressions and what replaces them in the names.

    Returns:
        The checkpoint.

    Raises:
        FileNotFoundError: the file is missing.
        ValueError: the checkpoint does not fit, or does not hold weights.
    """
    classifier = model.module if is_module_wrapper(model) else model
    if not isinstance(classifier, BaseClassifier) or not _has_parts_of_ours(classifier):
        return _load_checkpoint(
            model, filename, map_location, strict, logger, list(revise_keys)
        )
    checkpoint = CheckpointLoader.load_checkpoint(filename, map_location, logger)
    state = _state_dict(checkpoint, filename, revise_keys)
    # Compared with the data's by cite.apis.class_order.
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    classifier.trained_classes = (meta or {}).get('CLASSES')
    is_part = logger is not None and not strict
    for text in _load_fitting(model, classifier, state, filename, is_part):
        logger.warning(text) if logger is not None else print(text)
    return checkpoint


def _load_fitting(
    model: nn.Module,
    classifier: nn.Module,
    state: Mapping[str, Tensor],
    filename: str,
    is_part: bool,
) -> list[str]:
    """Load a state dict that fits, and return mmcv's warnings.

    Args:
        is_part: a part of the model is enough, but not none.
    """
    # Before the model's own hooks complete the state dict.
    saved_shapes = {name: tuple(value.shape) for name, value in state.items()}
    if is_part:
        _check_any_name(classifier, saved_shapes, filename)
    warnings = _Warnings()
    try:
        load_state_dict(model, state, False, warnings)
    except ValueError as error:  # a part does not fit: the prompt, the texts, weights
        raise ValueError(f'{filename}: {error}') from error
    if not is_part:
        _check_all_names(classifier, saved_shapes, filename)
    return warnings


class _Warnings(list):
    """Collects the warnings that mmcv gives a logger."""

    warning = list.append


def _state_dict(
    checkpoint: Any, filename: str, revise_keys: Sequence[tuple[str, str]]
) -> Mapping[str, Tensor]:
    """Return the state dict with revised names, and its modules' versions."""
    check_checkpoint(checkpoint, filename)
    state = checkpoint.get('state_dict', checkpoint)
    check_state_dict(state, filename)
    revised: Any = OrderedDict(state)
    for pattern, replacement in revise_keys:
        revised = OrderedDict(
            (re.sub(pattern, replacement, name), value)
            for name, value in revised.items()
        )
    revised._metadata = getattr(state, '_metadata', OrderedDict())
    return revised


def _has_parts_of_ours(model: nn.Module) -> bool:
    # Our ImageClassifier has mmcls' name, so that it may have mmcls' parts alone.
    return any(
        type(part).__module__.startswith('cite.')
        for part in model.modules()
        if type(part) is not ImageClassifier
    )


def _saved_name(model: nn.Module, name: str) -> str:
    """Return a weight's name in checkpoints, where a backbone may have another."""
    part, _, inner = name.partition('.')
    saved_name = getattr(getattr(model, part, None), 'saved_name', str)
    return f'{part}.{saved_name(inner)}' if inner else name


def _check_any_name(model: nn.Module, shapes: Mapping[str, tuple], file: str) -> None:
    parameters = [_saved_name(model, name) for name, _ in model.named_parameters()]
    if not any(name in parameters or name == NO_CHECKPOINT_KEY for name in shapes):
        raise ValueError(
            f'{file} is the checkpoint of another model: none of its {len(shapes)} '
            f'names ({shorten(list(shapes), 3)}) is one of this model '
            f'({shorten(parameters, 3)}). Name another load_from, or convert the '
            'file with `cite convert`.'
        )


def _check_all_names(model: nn.Module, shapes: Mapping[str, tuple], file: str) -> None:
    parameters = {_saved_name(model, k): v for k, v in model.named_parameters()}
    mismatches = [
        f'{name} is {shapes[name]} in the file, {tuple(value.shape)} in the model'
        for name, value in parameters.items()
        if name in shapes and shapes[name] != tuple(value.shape)
    ]
    without_frozen = isinstance(model, CITEClassifier) and (
        DIGEST_KEY in shapes or NO_CHECKPOINT_KEY in shapes
    )
    missing = [
        name
        for name, value in parameters.items()
        if name not in shapes and (value.requires_grad or not without_frozen)
    ]
    names = {  # those of parameters and buffers that are None too
        _saved_name(model, f'{prefix}.{name}'.lstrip('.'))
        for prefix, module in model.named_modules()
        for name in (*module._parameters, *module._buffers)
    }
    trained = (n for n in shapes if n.startswith(_TRAINED) or _LORA in n)
    excess = [name for name in trained if name not in names]
    problems = [
        shorten(mismatches, 2),
        f'it lacks {shorten(missing, 3)}' if missing else '',
        f'this config has no {shorten(excess, 3)}' if excess else '',
    ]
    if any(problems):
        raise ValueError(
            f'{file} is the checkpoint of another model: '
            f'{"; ".join(filter(None, problems))}. Use the config of its training run.'
        )
