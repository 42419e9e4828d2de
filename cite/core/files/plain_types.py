"""The names that a checkpoint may use beside plain Python data, and their meaning.

Published files hold the command line of their training (``argparse.Namespace``), NumPy
scalars from a metric, paths. Reading them does not need the class that wrote them: an
object with the same fields replaces it.
"""

import argparse
import pathlib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Callable, Optional

import numpy as np
import torch

from . import plain_tensors as tensors
from .plain_pickle import Builder, RefusedError, check_key


class Namespace(argparse.Namespace):
    """The command line of a training run."""

    def fill_fields(self, state: Any) -> None:
        if not isinstance(state, Mapping):
            raise RefusedError('it holds a damaged Namespace')
        self.__dict__.update({str(key): value for key, value in state.items()})


class DType:
    """A NumPy type; pickle sets its byte order afterwards."""

    def __init__(self, name: Any, *_: Any) -> None:
        if not isinstance(name, str):
            raise RefusedError('it holds a NumPy type that is not plain')
        self.dtype = np.dtype(name)
        if self.dtype.hasobject or self.dtype.kind not in 'biufcSUMm':
            raise RefusedError(f'it holds NumPy data of type {name}')

    def fill_fields(self, state: Any) -> None:
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
    if isinstance(data, str):  # written by Python 2
        data = data.encode('latin1')
    return np.frombuffer(bytes(data), dtype.dtype)[0]


def _array_of_buffer(data: Any, dtype: DType, shape: Any, order: Any) -> np.ndarray:
    return np.frombuffer(bytes(data), dtype.dtype).reshape(shape, order=order).copy()


def _encoded(text: str, encoding: str) -> bytes:
    """Decode bytes that Python 2 wrote."""
    if encoding not in ('latin1', 'latin-1'):
        raise RefusedError(f'it asks for the codec {encoding!r}')
    return text.encode('latin1')


def _ordered(pairs: Any = ()) -> 'OrderedDict[Any, Any]':
    return OrderedDict((check_key(key), value) for key, value in pairs)


def _mapping(first: Any = None, *_: Any) -> dict[Any, Any]:
    """Make a dict of a Counter or defaultdict (whose first argument is its factory)."""
    items = first.items() if isinstance(first, Mapping) else ()
    return {check_key(key): value for key, value in items}


def _device(kind: str, index: Optional[int] = None) -> torch.device:
    return torch.device(kind) if index is None else torch.device(kind, index)


def _nothing(*_: Any) -> Any:
    raise RefusedError('it makes an object where a type is expected')


def _plain_set(items: Any = ()) -> set[Any]:
    return set(map(check_key, items))


_PATHS = {
    'PosixPath': pathlib.PurePosixPath,
    'PurePosixPath': pathlib.PurePosixPath,
    'WindowsPath': pathlib.PureWindowsPath,
    'PureWindowsPath': pathlib.PureWindowsPath,
}
_BUILDERS: dict[str, Callable[..., Any]] = {
    'argparse.Namespace': Namespace,
    'collections.OrderedDict': _ordered,
    'collections.defaultdict': _mapping,
    'collections.Counter': _mapping,
    '_codecs.encode': _encoded,
    'numpy.dtype': DType,
    'numpy.ndarray': _nothing,
    'torch.Size': lambda sizes=(): torch.Size(sizes),
    'torch.device': _device,
    'torch.Tensor': _nothing,
    'torch._tensor.Tensor': _nothing,
    'torch.nn.parameter.Parameter': _nothing,
    'torch._utils._rebuild_tensor': tensors.rebuild,
    'torch._utils._rebuild_tensor_v2': tensors.rebuild,
    'torch._utils._rebuild_tensor_v3': tensors.rebuild_as,
    'torch._utils._rebuild_parameter': tensors.parameter,
    'torch._tensor._rebuild_from_type_v2': tensors.rebuild_typed,
    'torch.torch_version.TorchVersion': str,
}
# Optimizers and loggers write these: types that make plain data, or are data.
_PLAIN: dict[str, Callable[..., Any]] = {
    'bool': bool,
    'complex': complex,
    'dict': _mapping,
    'frozenset': lambda items=(): frozenset(_plain_set(items)),
    'set': _plain_set,
    'slice': slice,
    **dict.fromkeys(('float', 'int', 'list', 'str', 'tuple'), _nothing),
}


def _table() -> dict[tuple[str, str], Builder]:
    named = dict(_BUILDERS)
    for core in ('numpy.core', 'numpy._core'):  # NumPy 1 and 2
        named[f'{core}.multiarray.scalar'] = _scalar
        named[f'{core}.multiarray._reconstruct'] = lambda *_: np.empty(0, np.uint8)
        named[f'{core}.numeric._frombuffer'] = _array_of_buffer
    for module in ('pathlib', 'pathlib._local'):
        named.update({f'{module}.{name}': path for name, path in _PATHS.items()})
    for module in ('builtins', '__builtin__'):
        named.update({f'{module}.{name}': build for name, build in _PLAIN.items()})
    table = {}
    for full, build in named.items():
        module, _, name = full.rpartition('.')
        table[module, name] = Builder(full, build)
    return table


_TABLE = _table()
