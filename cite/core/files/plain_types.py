"""The names that a checkpoint may use beside plain Python data, and their meaning.

Published files hold the command line of their training (``argparse.Namespace``), NumPy
scalars from a metric, paths. Reading them does not need the class that wrote them: an
object with the same fields replaces it.
"""

import argparse
import pathlib
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Optional

import numpy as np
import torch

from . import plain_tensors as tensors
from .plain_pickle import Builder, RefusedError, check_key, check_shape

# Numbers, text and dates; longer items than 9,999 bytes are nobody's.
_NUMPY_TYPE = re.compile(
    r'[<>=|]?[biufcSU][0-9]{0,4}|[<>=]?[Mm]8(\[[0-9]{0,4}\w{1,2}\])?'
)


class Namespace(argparse.Namespace):
    """The command line of a training run."""

    def fill_fields(self, state: Any) -> None:
        if type(state) is not dict:
            raise RefusedError('it holds a damaged Namespace')
        for key, value in state.items():
            if type(key) is not str:
                raise RefusedError('it holds a Namespace whose names are not text')
            self.__dict__[key] = value


class DType:
    """A NumPy type; pickle sets its byte order afterwards."""

    def __init__(self, name: Any, *_: Any) -> None:
        if type(name) is not str or not _NUMPY_TYPE.fullmatch(name):
            raise RefusedError('it holds a NumPy type that is not plain')
        self.dtype = np.dtype(name)
        if not self.dtype.itemsize:  # any number of its elements has no bytes
            raise RefusedError(f'it holds NumPy data of type {name}')

    def fill_fields(self, state: Any) -> None:
        if type(state) is not tuple or len(state) < 2:
            raise RefusedError('it holds a damaged NumPy type')
        if state[1] in ('<', '>'):
            self.dtype = self.dtype.newbyteorder(state[1])


def find(module: str, name: str) -> Any:
    """Return the :class:`Builder` or value for a name, or None if it is unknown."""
    if module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype):
        return getattr(torch, name)
    if module in ('torch', 'torch.cuda', 'torch.storage') and name.endswith('Storage'):
        return tensors.storage_type(name)
    return _TABLE.get((module, name))


def _scalar(dtype: DType, data: Any = b'') -> Any:
    if type(data) is str:  # written by Python 2
        data = data.encode('latin1')
    if type(data) is not bytes or len(data) != dtype.dtype.itemsize:
        raise RefusedError('it holds a damaged NumPy number')
    return np.frombuffer(data, dtype.dtype)[0]


def _array_of_buffer(data: bytes, dtype: DType, shape: Any, order: str) -> np.ndarray:
    values = np.frombuffer(data, dtype.dtype)
    return values.reshape(check_shape(shape), order=order).copy()  # type: ignore[call-overload]


def _encoded(text: str, encoding: str) -> bytes:
    """Decode bytes that Python 2 wrote."""
    if encoding not in ('latin1', 'latin-1'):
        raise RefusedError('it asks for another codec than latin1')
    return text.encode('latin1')


def _ordered(pairs: Any = ()) -> 'OrderedDict[Any, Any]':
    if not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise RefusedError('it holds a damaged OrderedDict')
    return OrderedDict(
        zip(_plain_items(key for key, _ in pairs), (v for _, v in pairs))
    )


def _mapping(first: Any = None, *_: Any) -> dict[Any, Any]:
    """Make a dict of a Counter or defaultdict (whose first argument is its factory)."""
    return dict(first) if type(first) in (dict, OrderedDict) else {}


def _device(kind: str, index: Optional[int] = None) -> torch.device:
    return torch.device(kind) if index is None else torch.device(kind, index)


def _nothing(*_: Any) -> Any:
    raise RefusedError('it makes an object where a type is expected')


def _empty(*_: Any) -> np.ndarray:
    return np.empty(0, np.uint8)


def _plain_items(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        if type(item) is tuple:
            raise RefusedError('it keys by a tuple, in a set or dict that a call makes')
        yield check_key(item)


def _plain_set(items: Any = ()) -> set[Any]:
    return set(_plain_items(items))


_PATHS = {
    'PosixPath': pathlib.PurePosixPath,
    'PurePosixPath': pathlib.PurePosixPath,
    'WindowsPath': pathlib.PureWindowsPath,
    'PureWindowsPath': pathlib.PureWindowsPath,
}
_NONE, _LISTS = type(None), (list, tuple)
_DICTS = (dict, OrderedDict)
_TENSOR = (
    *(tensors.Storage, int, tuple, torch.Size, bool, _NONE, torch.dtype, *_DICTS),
)
# The function that makes a value, and the types that its arguments may have.
_BUILDERS: dict[str, tuple[Callable[..., Any], tuple[type, ...]]] = {
    'argparse.Namespace': (Namespace, ()),
    'collections.OrderedDict': (_ordered, _LISTS),
    'collections.defaultdict': (_mapping, (Builder, _NONE, *_DICTS)),
    'collections.Counter': (_mapping, _DICTS),
    '_codecs.encode': (_encoded, (str,)),
    'numpy.dtype': (DType, (str, bool, int)),
    'numpy.ndarray': (_nothing, ()),
    'torch.Size': (lambda sizes=(): torch.Size(check_shape(sizes)), _LISTS),
    'torch.device': (_device, (str, int)),
    'torch.Tensor': (_nothing, ()),
    'torch._tensor.Tensor': (_nothing, ()),
    'torch.nn.parameter.Parameter': (_nothing, ()),
    'torch._utils._rebuild_tensor': (tensors.rebuild, _TENSOR),
    'torch._utils._rebuild_tensor_v2': (tensors.rebuild, _TENSOR),
    'torch._utils._rebuild_tensor_v3': (tensors.rebuild_as, _TENSOR),
    'torch._utils._rebuild_parameter': (
        tensors.parameter,
        (torch.Tensor, bool, *_DICTS),
    ),
    'torch._tensor._rebuild_from_type_v2': (
        tensors.rebuild_typed,
        (Builder, tuple, *_DICTS),
    ),
    'torch.torch_version.TorchVersion': (str, (str,)),
}
# Optimizers and loggers write these: types that make plain data, or are data.
_PLAIN: dict[str, tuple[Callable[..., Any], tuple[type, ...]]] = {
    'bool': (bool, (bool, int)),
    'bytes': (bytes, ()),  # how protocol 2 writes none
    'complex': (complex, (int, float)),
    'dict': (_mapping, _DICTS),
    'frozenset': (lambda items=(): frozenset(_plain_set(items)), _LISTS),
    'set': (_plain_set, _LISTS),
    'slice': (slice, (int, _NONE)),
    **dict.fromkeys(('float', 'int', 'list', 'str', 'tuple'), (_nothing, ())),
}


def _table() -> dict[tuple[str, str], Builder]:
    named = dict(_BUILDERS)
    for core in ('numpy.core', 'numpy._core'):  # NumPy 1 and 2
        of_bytes = (bytes, str, tuple)
        named[f'{core}.multiarray.scalar'] = _scalar, (DType, *of_bytes)
        named[f'{core}.multiarray._reconstruct'] = _empty, (Builder, *of_bytes)
        named[f'{core}.numeric._frombuffer'] = _array_of_buffer, (DType, *of_bytes)
    for module in ('pathlib', 'pathlib._local'):
        paths = {name: (path, (str,)) for name, path in _PATHS.items()}
        named.update({f'{module}.{name}': path for name, path in paths.items()})
    for module in ('builtins', '__builtin__'):
        named.update({f'{module}.{name}': build for name, build in _PLAIN.items()})
    table = {}
    for full, (build, takes) in named.items():
        module, _, name = full.rpartition('.')
        table[module, name] = Builder(full, build, takes)
    return table


_TABLE = _table()
