"""Unpickle tensors and plain data, and run nothing.

``pickle`` calls any function that a file names. ``torch.load(weights_only=True)`` does
not, but under torch 1.13 it cannot read a Python float, below 2.6 a file can make it
run code (CVE-2025-32434), and no version reads what MAE's or RETFound's files hold
beside the weights. Here a name in a file is looked up in a table and never imported:
the value is built by a function of this package, and a file reaches no other class or
function.
"""

import pickle
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, BinaryIO, Callable, NamedTuple, Optional

import numpy as np


class RefusedError(pickle.UnpicklingError):
    """The file asks for something that is neither a tensor nor plain data."""


class Builder(NamedTuple):
    """Meaning of a name in a file: the function that makes the value."""

    name: str
    build: Callable[..., Any]


class Record:
    """An object without methods; ``fields`` is its state in the file."""

    __slots__ = ('fields', 'name')

    def __init__(self, name: str) -> None:
        self.name = name
        self.fields: Any = {}


# No nested tuples: hashing one recurses in C without a limit.
_PLAIN_KEYS = (str, bytes, int, float, bool, type(None))


# The unpickler in Python, because its opcodes can be replaced; typeshed confuses it
# with the one in C.
_Unpickler: Any = vars(pickle)['_Unpickler']


class Unpickler(_Unpickler):
    """The opcodes of pickle, without those that call or change arbitrary objects."""

    def __init__(
        self,
        file: BinaryIO,
        find: Callable[[str, str], Any],  # from module, name to Builder, value or None
        persistent: Optional[Callable[[Any], Any]] = None,  # from an id to a value
    ) -> None:
        super().__init__(file, encoding='utf-8', errors='surrogateescape')
        self._find = find
        self._persistent = persistent

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up in the table; nothing is imported."""
        value = self._find(module, name)
        if value is None:
            raise RefusedError(f'it asks for {module}.{name}')
        return value

    def persistent_load(self, pid: Any) -> Any:
        """Return the storage that a persistent id names."""
        if self._persistent is None:
            raise RefusedError('it asks for a storage outside of an archive')
        return self._persistent(pid)

    def get_extension(self, code: int) -> None:
        """Refuse the registry of extensions, which imports modules by number."""
        raise RefusedError(f'it asks for extension {code}')

    def load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = _call(self.stack[-1], args)

    load_newobj = load_reduce

    def load_newobj_ex(self) -> None:
        kwargs = self.stack.pop()
        args = self.stack.pop()
        self.stack[-1] = _call(self.stack[-1], args, kwargs)

    def _instantiate(self, klass: Any, args: Any) -> None:
        self.append(_call(klass, tuple(args)))

    def load_build(self) -> None:
        state = self.stack.pop()
        _set_state(self.stack[-1], state)

    def load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        _set_items(self.stack[-1], [key], [value])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        _set_items(self.stack[-1], items[::2], items[1::2])

    def load_bytearray8(self) -> None:
        # It allocates the memory before it reads the bytes; torch never writes one.
        raise RefusedError('it holds a bytearray')

    def load_dict(self) -> None:
        items = self.pop_mark()
        made: dict[Any, Any] = {}
        _set_items(made, items[::2], items[1::2])
        self.append(made)

    def load_additems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if type(target) is not set:
            raise RefusedError(f'it adds to a {type(target).__name__}')
        target.update(map(check_key, items))

    def load_frozenset(self) -> None:
        self.append(frozenset(map(check_key, self.pop_mark())))

    def load_append(self) -> None:
        value = self.stack.pop()
        _extend(self.stack[-1], [value])

    def load_appends(self) -> None:
        values = self.pop_mark()
        _extend(self.stack[-1], values)


# pickle's table of opcodes, with the methods above in the place of those they override.
Unpickler.dispatch = {
    opcode: getattr(Unpickler, load.__name__)
    for opcode, load in _Unpickler.dispatch.items()
}


def check_key(key: Any) -> Any:
    """Return a dict's key, or a set's item, if it is plain; refuse it otherwise."""
    parts = key if type(key) is tuple else (key,)
    if not all(type(part) in _PLAIN_KEYS for part in parts):
        raise RefusedError(f'it keys by a {type(key).__name__}')
    return key


def _call(target: Any, args: Any, kwargs: Any = None) -> Any:
    if not isinstance(target, Builder) or type(args) is not tuple or kwargs:
        raise RefusedError(f'it calls a {type(target).__name__}')
    return target.build(*args)


def _set_items(target: Any, keys: list[Any], values: list[Any]) -> None:
    if type(target) not in (dict, OrderedDict):
        raise RefusedError(f'it sets items of a {type(target).__name__}')
    for key, value in zip(keys, values):
        target[check_key(key)] = value


def _extend(target: Any, values: list[Any]) -> None:
    if type(target) is not list:
        raise RefusedError(f'it appends to a {type(target).__name__}')
    target.extend(values)


def _set_state(target: Any, state: Any) -> None:
    """Set the state of the few types that have one, without their own methods."""
    if isinstance(target, Record):
        target.fields = state
    elif isinstance(target, np.ndarray):
        _fill_array(target, state)
    elif hasattr(target, 'fill_fields'):
        target.fill_fields(state)
    elif type(target) is OrderedDict and isinstance(state, Mapping):
        # Only the versions of modules, which torch attaches to a state dict.
        if isinstance(state.get('_metadata'), Mapping):
            target._metadata = state['_metadata']  # type: ignore[attr-defined]
    else:
        raise RefusedError(f'it sets the state of a {type(target).__name__}')


def _fill_array(array: np.ndarray, state: Any) -> None:
    """Fill an array; NumPy checks that the bytes match the shape."""
    version, shape, dtype, fortran, data = state
    dtype = dtype.dtype
    if isinstance(data, str):  # written by Python 2
        data = data.encode('latin1')
    if type(data) is not bytes or dtype.hasobject:
        raise RefusedError('it holds an array of objects')
    array.__setstate__((version, shape, dtype, fortran, data))
