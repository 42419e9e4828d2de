"""How much memory a file may take when it is read: a small multiple of its size."""

import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, BinaryIO, Optional

import numpy as np

# A file may make this many times its own size, and this much beside.
TIMES, BESIDE = 8, 64 << 20
# The same of JSON: a point of an outline, ``[12345,6789],``, counts for 18 times.
_JSON_TIMES = 20
MOST_DEPTH = 100  # lists within lists; the state of an optimizer has 5 levels
_ITEM, _OBJECT = 16, 64  # bytes of an entry of a list or dict, and of an object
_DICTS = (dict, OrderedDict)
_LISTS = (list, tuple, set, frozenset)
_NUMBERS = {int, float, bool, type(None)}
_PLAIN = {*_NUMBERS, str, bytes}


class TooLargeError(ValueError):
    """Reading the file would take far more memory than the file has bytes."""


class Budget:
    """The bytes that one file may still make in memory.

    Args:
        size: size of the file, bytes.
        times: how many times its size the file may make.
    """

    def __init__(self, size: int, times: int = TIMES) -> None:
        self.size, self.times = size, times
        self.left = times * size + BESIDE

    def spend(self, number: int) -> None:
        """Take bytes from the budget.

        Raises:
            TooLargeError: there are not as many.
        """
        self.check(number)
        self.left -= number

    def check(self, number: int) -> None:
        """Raise ``TooLargeError`` unless so many bytes are left."""
        if number > self.left:
            raise TooLargeError(
                f'its {self.size:,} bytes would take more than {self.times} times as '
                f'many, and {BESIDE >> 20} MiB, in memory'
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
    measured: dict[int, tuple[int, int]] = {}  # size and depth
    ancestors: set[int] = set()
    reached = 0  # bytes of what was met, each once
    stack: list[tuple[Any, Optional[list[Any]]]] = [(root, None)]
    while stack:
        value, inner = stack.pop()
        if inner is None:
            if id(value) in ancestors:
                raise ValueError('one of its lists contains itself')
            if id(value) in measured:
                continue
            parts = _parts(value)
            inner = [part for part in parts if _has_parts(part)]
            leaves = [part for part in parts if not _has_parts(part)]
            own = _own_size(value) + sum(map(_own_size, leaves))
            measured[id(value)] = own, 1
            reached += own
            budget.check(reached)
            if inner:
                ancestors.add(id(value))
                stack.append((value, inner))
                stack.extend((part, None) for part in inner)
        else:
            ancestors.discard(id(value))
            measured[id(value)] = _joined(measured, value, inner)
            budget.check(measured[id(value)][0])


def _joined(
    measured: dict[int, tuple[int, int]], value: Any, inner: Sequence[Any]
) -> tuple[int, int]:
    """Return size and depth of a value with those of the lists and dicts in it."""
    depth = 1 + max(measured[id(part)][1] for part in inner)
    if depth > MOST_DEPTH:
        raise ValueError(f'its lists are nested more than {MOST_DEPTH} deep')
    return measured[id(value)][0] + sum(measured[id(p)][0] for p in inner), depth


def check_json(data: bytes) -> None:
    """Check JSON as :func:`check_tree` does, before it is parsed.

    Its commas, brackets and colons tell how many values it has, and how deep they are.

    Raises:
        TooLargeError: they would take far more memory than the file has bytes.
        ValueError: they are deeper than ``MOST_DEPTH``.
    """
    data_size, budget = len(data), Budget(len(data), _JSON_TIMES)
    data = data.replace(b'\\\\', b'').replace(b'\\"', b'').translate(None, b' \t\r\n')
    signs = np.frombuffer(data, np.uint8)
    quotes = signs == ord('"')
    budget.check(_OBJECT * (int(quotes.sum()) // 2))
    signs = signs[~(np.logical_xor.accumulate(quotes) | quotes)]
    steps = np.zeros(256, np.int8)
    steps[list(b'[{')], steps[list(b']}')] = 1, -1
    if np.cumsum(steps[signs], dtype=np.int32).max(initial=0) > MOST_DEPTH:
        raise ValueError(f'it is nested too deeply, more than {MOST_DEPTH} lists')
    commas, colons, opening = (np.isin(signs, list(s)) for s in (b',', b':', b'[{'))
    is_empty = opening[:-1] & np.isin(signs[1:], list(b']}'))
    items = int(commas.sum() + opening.sum() - is_empty.sum())
    size = (_ITEM + _OBJECT) * items + _OBJECT * int(colons.sum()) + data_size
    budget.check(size)


def _has_parts(value: Any) -> bool:
    if type(value) in _PLAIN:
        return False
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
    if type(value) in _NUMBERS:
        return _OBJECT
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
