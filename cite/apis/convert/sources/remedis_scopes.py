"""REMEDIS's variables as TensorFlow 2 names them: most without block and unit.

The 151 variables of the small model then have a dozen or two dozen names. An export
that numbers them (``000/a/group_norm/gamma:0``, docs/MODEL_ZOO.md) keeps their order.
Block and unit are derived from that order and from the shapes, not from the names.
"""

import re
from dataclasses import dataclass, field

import torch

from cite.apis.convert.layout import State

NUMBERED = re.compile(r'^\d+/(.*)$')
KERNEL = 'standardized_conv2d/kernel'
_KINDS = ('kernel', 'gamma', 'beta')


@dataclass
class _Unit:
    """A bottleneck: norm and kernel of its parts a, b and c, and perhaps one beside."""

    norms: list[State] = field(default_factory=list)
    kernels: list[torch.Tensor] = field(default_factory=list)  # (h, w, in, out)

    @property
    def middle(self) -> int:
        """Place of the 3 x 3 kernel, that of part b; -1 without it."""
        sides = [kernel.shape[0] for kernel in self.kernels]
        return sides.index(3) if 3 in sides else -1

    @property
    def is_whole(self) -> bool:
        """Tell whether parts a, b and c are there."""
        return 0 <= self.middle < len(self.kernels) - 1

    def may_project(self, kernel: torch.Tensor) -> bool:
        """Tell whether a kernel behind part c leads past this unit, to its end."""
        first, last = self.kernels[0], self.kernels[self.middle + 1]
        beside = first.shape[2], last.shape[3]
        return beside[0] != beside[1] and tuple(kernel.shape[2:]) == beside

    def named(self) -> State:
        """Name the parts; of two kernels before part b the wider leads past the unit.

        Raises:
            ValueError: the kernel of part b is missing.
        """
        if self.middle < 0:
            raise ValueError('a unit of its variables has no kernel of 3 x 3.')
        before, after = self.kernels[: self.middle], self.kernels[self.middle + 1 :]
        narrow = sorted(before, key=lambda kernel: kernel.shape[3])
        parts = {'b': self.kernels[self.middle]}
        parts.update(zip(('a', 'a/proj'), narrow))
        parts.update(zip(('c', 'a/proj'), after))
        state = {f'{part}/{KERNEL}': kernel for part, kernel in parts.items()}
        for part, norm in zip('abc', self.norms):
            state.update({f'{part}/group_norm/{k}': t for k, t in norm.items()})
        return state


def is_numbered(names: list[str]) -> bool:
    """Tell whether an export numbers its variables."""
    return bool(names) and all(NUMBERED.match(name) for name in names)


def with_scopes(state: State) -> State:
    """Name numbered variables by block and unit; whole names lose their numbers.

    Raises:
        ValueError: the variables are not in an order in which BiT's layers can be.
    """
    bare = {NUMBERED.sub(r'\1', name): tensor for name, tensor in state.items()}
    if len(bare) == len(state):
        return bare
    units, named = _units(state)
    block = number = width = 0
    for unit in units:
        parts = unit.named()
        own_width = parts[f'b/{KERNEL}'].shape[3]
        same_block = own_width == width
        block, number = (block, number + 1) if same_block else (block + 1, 1)
        width = own_width
        scope = f'block{block}/unit{number:02d}'
        named.update({f'{scope}/{name}': tensor for name, tensor in parts.items()})
    return named


def _units(state: State) -> tuple[list[_Unit], State]:
    """Cut the variables into units, and return root and last norm by their names.

    A unit ends with the kernel of part c, or with a kernel behind it that leads past
    the unit.
    """
    units = [_Unit()]
    named: State = {}
    for key in sorted(state, key=lambda name: int(name.split('/')[0])):
        tensor, kind = state[key], re.split('[/:]', key.split(':')[0])[-1]
        if kind not in _KINDS or (kind == 'kernel') != (tensor.dim() == 4):
            continue  # of a head
        if kind == 'kernel' and tensor.shape[0] > 3:
            named[f'root_block/{KERNEL}'] = tensor
            continue
        past = kind == 'kernel' and units[-1].is_whole
        past = past and units[-1].may_project(tensor)
        if units[-1].is_whole and not past:
            units.append(_Unit())
        _add(units[-1], kind, tensor, key)
    last = units.pop() if not units[-1].kernels else None
    for norm in last.norms if last else ():
        named.update({f'group_norm/{kind}': tensor for kind, tensor in norm.items()})
    return units, named


def _add(unit: _Unit, kind: str, tensor: torch.Tensor, key: str) -> None:
    if kind == 'kernel':
        unit.kernels.append(tensor)
        fits = len(unit.kernels) <= 4
    else:
        if not unit.norms or kind in unit.norms[-1]:
            unit.norms.append({})
        unit.norms[-1][kind] = tensor
        fits = len(unit.norms) <= 3
    if not fits:
        raise ValueError(
            f'its variables are not in the order in which BiT makes them: {key} is one '
            f'{kind} too many in its unit.'
        )
