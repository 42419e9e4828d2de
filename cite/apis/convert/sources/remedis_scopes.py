"""REMEDIS's variables as TensorFlow 2 names them: without the scopes of block and unit.

The 151 variables of the small model then have a dozen names. An export that numbers
them (``000/a/group_norm/gamma:0``, docs/MODEL_ZOO.md) keeps the order in which the
network made them, and from it follow block and unit.
"""

import re

import torch

from cite.apis.convert.layout import State

NUMBERED = re.compile(r'^\d+/(.*)$')
KERNEL = 'standardized_conv2d/kernel'
_PART = re.compile(r'(?:^|/)([abc])/((?:proj/)?(?:standardized_conv2d|group_norm)/\w+)')


def is_numbered(names: list[str]) -> bool:
    """Tell whether an export numbers its variables."""
    return bool(names) and all(NUMBERED.match(name) for name in names)


def with_scopes(state: State) -> State:
    """Name numbered variables by block and unit.

    A unit ends where a part ``a`` follows a kernel of part ``c``; a block where the
    width of part ``b`` changes.
    """
    units: list[State] = []
    named: State = {}
    for key in sorted(state, key=lambda name: int(name.split('/')[0])):
        name = NUMBERED.sub(r'\1', key).split(':')[0]
        part = _PART.search(name)
        if part is None:
            root = name.endswith(KERNEL) and not units
            named[f'root_block/{KERNEL}' if root else name] = state[key]
            continue
        letter, layer = part.groups()
        ended = bool(units) and f'c/{KERNEL}' in units[-1]
        if not units or (ended and letter == 'a' and 'proj' not in layer):
            units.append({})
        _add(units[-1], f'{letter}/{layer}', state[key], key)
    block = unit = width = 0
    for parts in units:
        kernel = parts.get(f'b/{KERNEL}')
        own_width = 0 if kernel is None else kernel.shape[-1]
        block, unit = (block, unit + 1) if own_width == width else (block + 1, 1)
        width = own_width
        named.update({f'block{block}/unit{unit:02d}/{k}': t for k, t in parts.items()})
    return named


def _add(parts: State, name: str, tensor: torch.Tensor, key: str) -> None:
    """Add a variable to its unit; of two kernels of part ``a`` the wider projects."""
    if name in parts and name == f'a/{KERNEL}':
        narrow, wide = sorted((parts[name], tensor), key=lambda t: t.shape[-1])
        parts[name], parts[f'a/proj/{KERNEL}'] = narrow, wide
    elif name in parts:
        raise ValueError(
            f'its variables are not in the order in which BiT makes them: {key} is the '
            f'second {name} of its unit.'
        )
    else:
        parts[name] = tensor
