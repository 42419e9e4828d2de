"""Whether a saved optimizer's state fits the parameters of a run."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer

_NUMBERS = (bool, int, float)


def check_state(optimizer: Optimizer, saved: dict[str, Any]) -> None:
    """Check an optimizer's state before it is loaded; the groups have equal lengths.

    Args:
        optimizer: optimizer of this run.
        saved: what its ``state_dict`` returned when the checkpoint was written.

    Raises:
        ValueError: a setting has another type, or a part of the state is not a number
            or a tensor in the parameter's shape.
    """
    groups = optimizer.param_groups
    for group, old in zip(groups, saved['param_groups']):
        for key in {*group} & {*old} - {'params'}:
            if not _is_like(old[key], group[key]):
                raise ValueError(f'{key} is {str(old[key])[:60]!r}')
    state = saved.get('state')
    if not isinstance(state, dict):
        raise ValueError(f'its state is a {type(state).__name__}')
    # Numbered through all groups, as the optimizer does.
    numbers = [n for group in saved['param_groups'] for n in group['params']]
    if len({*numbers}) < len(numbers):
        raise ValueError('two parameters have one number')
    parameters = [p for group in groups for p in group['params']]
    parameter_of = dict(zip(numbers, parameters))
    for number, values in state.items():
        if number not in parameter_of:
            raise ValueError(f'it has a state for parameter {number}, which is missing')
        if not isinstance(values, dict):
            raise ValueError(f'the state of parameter {number} is not a dict')
        # Optimizers of other packages, and LBFGS, keep tensors of other shapes.
        if type(optimizer).__module__.startswith('torch.') and not isinstance(
            optimizer, LBFGS
        ):
            _check_values(number, values, parameter_of[number])


def _check_values(number: int, values: dict[str, Any], parameter: Tensor) -> None:
    for name, value in values.items():
        if isinstance(value, Tensor):
            fits = value.numel() == 1 or value.shape == parameter.shape
            if not fits or value.dtype is torch.bool:
                raise ValueError(
                    f'{name} of parameter {number} is {tuple(value.shape)}, the '
                    f'parameter {tuple(parameter.shape)}'
                )
        elif value is not None and type(value) not in _NUMBERS:
            raise ValueError(f'{name} of parameter {number} is not a number')


def _is_like(saved: Any, current: Any) -> bool:
    """Tell whether a setting has the type of this run's."""
    if type(current) in _NUMBERS:
        return type(saved) in _NUMBERS and math.isfinite(saved)
    if isinstance(current, (tuple, list)):
        return (
            isinstance(saved, (tuple, list))
            and len(saved) == len(current)
            and all(map(_is_like, saved, current))
        )
    return current is None or saved is None or isinstance(saved, type(current))
