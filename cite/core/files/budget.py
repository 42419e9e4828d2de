"""How much memory a file may take when it is read: a small multiple of its size."""

import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, BinaryIO

# A file may make this many times its own size, and this much beside.
TIMES, BESIDE = 8, 64 << 20
MOST_DEPTH = 100  # lists within lists; the state of an optimizer has 5 levels
_ITEM, _OBJECT = 16, 64  # bytes of an entry of a list or dict, and of an object
_DICTS = (dict, OrderedDict)
_LISTS = (list, tuple, set, frozenset)


class TooLargeError(ValueError):
    """Reading the file would take far more memory than the file has bytes."""


class Budget:
    """The bytes that one file may still make in memory.

    Args:
        size: size of the file, bytes.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.left = TIMES * size + BESIDE

    def spend(self, number: int) -> None:
        """Take bytes from the budget.

        Raises:
            TooLargeError: there are not as many.
        """
        self.left -= number
        if self.left < 0:
            raise TooLargeError(
                f'its {self.size:,} bytes would take more than {TIMES} times as many, '
                f'and {BESIDE >> 20} MiB, in memory'
            )

    def spend_call(self, args: Sequence[Any]) -> None:
        """Pay for a call, which may copy all it is given once."""
        self.spend(_OBJECT + sum(map(_own_size, args)))


def check_tree(root: Any, budget: Budget) -> None:
    """Check that what was read is a tree of bounded depth and size.

    A list that holds another one twice, which holds another one twice, takes 27 small
    objects and 2^27 steps for anyone who walks through it, so shared parts count as
    often as they are reached.

    Args:
        root: lists, dicts and anything else; an object with ``fill_fields`` counts as
            a dict of its fields.
        budget: the budget of a new reading of the same file.

    Raises:
        TooLargeError: it is larger than the budget.
        ValueError: it is deeper than ``MOST_DEPTH``, or contains itself.
    """
    sizes: dict[int, int] = {}
    depths: dict[int, int] = {}
    ancestors: set[int] = set()
    stack = [(root, False)]
    while stack:
        value, is_done = stack.pop()
        if is_done:
            ancestors.discard(id(value))
            sizes[id(value)], depths[id(value)] = _measure(value, sizes, depths)
            budget.spend(max(sizes[id(value)] - budget.left, 0))
        elif id(value) in ancestors:
            raise ValueError('one of its lists contains itself')
        elif id(value) not in depths:
            ancestors.add(id(value))
            stack.append((value, True))
            stack.extend((part, False) for part in _parts(value) if _has_parts(part))


def _measure(
    value: Any, sizes: dict[int, int], depths: dict[int, int]
) -> tuple[int, int]:
    """Return size and depth of a value, from those of its parts."""
    size, depth = _own_size(value), 0
    for part in _parts(value):
        if _has_parts(part):
            size += sizes[id(part)]
            depth = max(depth, depths[id(part)])
        else:
            size += _own_size(part)
    if depth >= MOST_DEPTH:
        raise ValueError(f'its lists are nested more than {MOST_DEPTH} deep')
    return size, depth + 1


def _has_parts(value: Any) -> bool:
    return isinstance(value, (*_DICTS, *_LISTS)) or hasattr(value, 'fill_fields')


def _parts(value: Any) -> list[Any]:
    """Return what a value holds: items, keys and values, or fields."""
    if isinstance(value, _DICTS):
        versions = getattr(value, '_metadata', {})
        return [*value, *value.values(), *([versions] if versions else [])]
    if isinstance(value, _LISTS):
        return list(value)
    return (
        [*vars(value), *vars(value).values()] if hasattr(value, 'fill_fields') else []
    )


def _own_size(value: Any) -> int:
    """Return the bytes of a value without those of its items."""
    if hasattr(value, 'element_size'):  # a tensor; asked without importing torch
        return _OBJECT + value.numel() * value.element_size()
    if isinstance(value, (str, bytes)):
        return _OBJECT + len(value)
    if isinstance(value, (*_DICTS, *_LISTS)):
        return _OBJECT + _ITEM * len(value)
    return _OBJECT + int(getattr(value, 'nbytes', 0))


# zipfile keeps some 20 bytes for one of the list, where a tensor has about a hundred.
_SIZE_OF_LIST, _LONGEST_LIST = 5, 16 << 20


def open_zip(file: BinaryIO) -> zipfile.ZipFile:
    """Open a zip file whose list of contents is not out of proportion.

    Raises:
        TooLargeError: the list is larger than that of any archive of tensors.
        Exception: it is not a zip file, or it is damaged.
    """
    end: Any = vars(zipfile)['_EndRecData'](file)
    if end and end[_SIZE_OF_LIST] > _LONGEST_LIST:
        raise TooLargeError(f'its list of contents has {end[_SIZE_OF_LIST]:,} bytes')
    return zipfile.ZipFile(file)
