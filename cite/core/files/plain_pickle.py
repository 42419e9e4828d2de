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
from torch import Tensor

from .budget import Budget

# A file calls things by these names; published ones have up to some 200 letters.
_LONGEST_KEY, _MOST_KEYS = 4096, 16  # letters, and parts of a tuple
_KEY_OF_PARTS = 64 << 10  # bytes: hashes of tuples can be made equal, which takes time
_LONGEST_NUMBER = 300  # digits
_MOST_DIMENSIONS = 32  # of an array: NumPy's own bound until version 2
# An integer below this is its own hash, so that a file cannot make hashes equal.
_LARGEST_KEY = 1 << 60
# Bytes that an opcode's value takes at most, apart from what it reads; most push one.
_PUSH, _KEY, _MAKE = 16, 128, 256
_MAKING = b''.join(
    (
        *(pickle.EMPTY_DICT, pickle.EMPTY_LIST, pickle.EMPTY_SET, pickle.DICT),
        *(pickle.LIST, pickle.FROZENSET, pickle.MEMOIZE, pickle.PUT, pickle.BINPUT),
        *(pickle.LONG_BINPUT, pickle.MARK, pickle.STACK_GLOBAL, pickle.GLOBAL),
    )
)


class RefusedError(pickle.UnpicklingError):
    """The file asks for something that is neither a tensor nor plain data."""


class Builder(NamedTuple):
    """Meaning of a name in a file: the function that makes the value."""

    name: str
    build: Callable[..., Any]
    #: The exact types of its arguments, because conversion of others may not end.
    takes: tuple[type, ...]


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
        budget: Budget,
        persistent: Optional[Callable[[Any], Any]] = None,  # from an id to a value
    ) -> None:
        bounded = _Bounded(file, budget.size)
        super().__init__(bounded, encoding='utf-8', errors='surrogateescape')
        self._find = find
        self.budget = budget
        self._persistent = persistent

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up in the table; nothing is imported."""
        value = self._find(module, name)
        if value is None:
            asked = f'{module}.{name}'
            # A text that starts with a "c", such as a config, is no reason to trust it.
            if not all(part.isidentifier() for part in asked.split('.')):
                raise pickle.UnpicklingError('it is a text, or another kind of file')
            raise RefusedError(f'it asks for {asked[:200]}')
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
        self.stack[-1] = self._call(self.stack[-1], args)

    load_newobj = load_reduce

    def load_newobj_ex(self) -> None:
        kwargs = self.stack.pop()
        args = self.stack.pop()
        self.stack[-1] = self._call(self.stack[-1], args, kwargs)

    def _instantiate(self, klass: Any, args: Any) -> None:
        self.append(self._call(klass, tuple(args)))

    def _call(self, target: Any, args: Any, kwargs: Any = None) -> Any:
        if not isinstance(target, Builder) or type(args) is not tuple or kwargs:
            raise RefusedError(f'it calls a {type(target).__name__}')
        check_args(target, args)
        self.budget.spend_call(args)
        made = target.build(*args)
        if isinstance(made, Tensor):  # a view may repeat the elements of its storage
            self.budget.spend(made.numel() * made.element_size())
        return made

    def load_int(self) -> None:
        line = self._digits()
        truths = {b'00': False, b'01': True}
        self.append(truths[line] if line in truths else int(line, 0))

    def load_long(self) -> None:
        self.append(int(self._digits().rstrip(b'L') or b'0', 0))

    def load_float(self) -> None:
        self.append(float(self._digits()))

    def _digits(self) -> bytes:
        """Read a number that is written out; that of a million digits takes minutes."""
        line = self.readline()
        if len(line) > _LONGEST_NUMBER:
            raise RefusedError('it holds a number of too many digits')
        return bytes(line[:-1])

    def load_long4(self) -> None:
        # Numbers of up to 255 bytes are written in another way.
        raise RefusedError('it holds a number of too many digits')

    def load_build(self) -> None:
        state = self.stack.pop()
        self.budget.spend_call([state])
        _set_state(self.stack[-1], state)

    def load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._set_items(self.stack[-1], [key], [value])

    def load_setitems(self) -> None:
        items = self.pop_mark()
        self._set_items(self.stack[-1], items[::2], items[1::2])

    def load_bytearray8(self) -> None:
        # It allocates the memory before it reads the bytes; torch never writes one.
        raise RefusedError('it holds a bytearray')

    def load_dict(self) -> None:
        items = self.pop_mark()
        made: dict[Any, Any] = {}
        self._set_items(made, items[::2], items[1::2])
        self.append(made)

    def _set_items(self, target: Any, keys: list[Any], values: list[Any]) -> None:
        if type(target) not in (dict, OrderedDict):
            raise RefusedError(f'it sets items of a {type(target).__name__}')
        for key, value in zip(keys, values):
            self._spend_key(key)
            target[check_key(key)] = value

    def _spend_key(self, key: Any) -> None:
        self.budget.spend(_KEY_OF_PARTS if type(key) is tuple else _KEY)

    def load_additems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if type(target) is not set:
            raise RefusedError(f'it adds to a {type(target).__name__}')
        for item in items:
            self._spend_key(item)
            target.add(check_key(item))

    def load_frozenset(self) -> None:
        items = self.pop_mark()
        for item in items:
            self._spend_key(item)
        self.append(frozenset(map(check_key, items)))

    def load_append(self) -> None:
        value = self.stack.pop()
        _extend(self.stack[-1], [value])

    def load_appends(self) -> None:
        values = self.pop_mark()
        _extend(self.stack[-1], values)


def _paid(opcode: int, load: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return an opcode's method that takes what its value needs from the budget."""
    cost = _MAKE if opcode in _MAKING else _PUSH

    def load_paid(unpickler: Unpickler) -> None:
        unpickler.budget.spend(cost)
        load(unpickler)

    return load_paid


# pickle's table of opcodes, with the methods above in the place of those they override.
Unpickler.dispatch = {
    opcode: _paid(opcode, getattr(Unpickler, load.__name__))
    for opcode, load in _Unpickler.dispatch.items()
}


class _Bounded:
    """A file that makes no room for more bytes than it has."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.readline = file.readline

    def read(self, number: int) -> bytes:
        return self._file.read(min(number, self._size))


def check_args(builder: Builder, args: tuple[Any, ...]) -> None:
    """Refuse a call with arguments of other types than a value's own pickle has."""
    for arg in args:
        if type(arg) not in builder.takes:
            raise RefusedError(f'it makes {builder.name} of a {type(arg).__name__}')


def check_key(key: Any) -> Any:
    """Return a dict's key, or a set's item, if it is plain; refuse it otherwise."""
    parts = key if type(key) is tuple else (key,)
    if len(parts) > _MOST_KEYS or not all(map(_is_plain_key, parts)):
        raise RefusedError(f'it keys by a {type(key).__name__}, or a very long one')
    return key


def _is_plain_key(key: Any) -> bool:
    if type(key) in (str, bytes):
        return len(key) <= _LONGEST_KEY
    if type(key) is int:
        return abs(key) < _LARGEST_KEY
    return type(key) in _PLAIN_KEYS


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
    if type(state) is not tuple or len(state) != 5:
        raise RefusedError('it holds a damaged array')
    version, shape, dtype, fortran, data = state
    if type(data) is str:  # written by Python 2
        data = data.encode('latin1')
    dtype = getattr(dtype, 'dtype', None)
    if type(data) is not bytes or not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise RefusedError('it holds an array of objects')
    state = (version, check_shape(shape), dtype, bool(fortran), data)
    array.__setstate__(state)


def check_shape(shape: Any) -> tuple[int, ...]:
    """Return a shape if it is one of a few counts; refuse it otherwise."""
    if not isinstance(shape, (tuple, list)) or len(shape) > _MOST_DIMENSIONS:
        raise RefusedError('it holds an array of an impossible shape')
    if not all(type(n) is int and n >= 0 for n in shape):
        raise RefusedError('it holds an array of an impossible shape')
    return tuple(shape)
