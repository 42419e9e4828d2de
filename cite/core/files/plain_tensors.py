"""Make tensors from the bytes of a checkpoint, and never read beyond them."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import torch
from torch import Tensor

from .budget import BESIDE, TIMES
from .plain_pickle import Builder, RefusedError, check_args, check_shape


class StorageType(NamedTuple):
    """Type of a storage class in a file."""

    dtype: Optional[torch.dtype]  # None: untyped bytes


class Storage(NamedTuple):
    """The bytes of one or more tensors, (B,) uint8, and their type."""

    data: Tensor
    dtype: Optional[torch.dtype]


_STORAGES = {
    'BFloat16': torch.bfloat16,
    'Bool': torch.bool,
    'Byte': torch.uint8,
    'Char': torch.int8,
    'ComplexDouble': torch.complex128,
    'ComplexFloat': torch.complex64,
    'Double': torch.float64,
    'Float': torch.float32,
    'Half': torch.float16,
    'Int': torch.int32,
    'Long': torch.int64,
    'Short': torch.int16,
    'Untyped': None,
}


def storage_type(name: str) -> Optional[StorageType]:
    """Return the type of a storage class, or None if the class is unknown."""
    name = name[: -len('Storage')].lstrip('_')
    return StorageType(_STORAGES[name]) if name in _STORAGES else None


def item_size(dtype: Optional[torch.dtype]) -> int:
    """Return the size of an element, bytes."""
    return 1 if dtype is None else torch.empty(0, dtype=dtype).element_size()


def as_bytes(data: bytearray) -> Tensor:
    """Return a buffer as a tensor (B,) uint8, which keeps the buffer alive."""
    if not data:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(data, dtype=torch.uint8)


def rebuild(
    storage: Storage, offset: int, size: Sequence[int], stride: Sequence[int], *_: Any
) -> Tensor:
    """Make the tensor that ``torch._utils._rebuild_tensor_v2`` makes."""
    dtype = getattr(storage, 'dtype', None)
    return rebuild_as(storage, offset, size, stride, None, None, dtype)


def rebuild_as(
    storage: Storage,
    offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: Any,
    hooks: Any,
    dtype: Any,
    *_: Any,
) -> Tensor:
    """Make the tensor of ``_rebuild_tensor_v3``, after checks that torch omits."""
    if not isinstance(storage, Storage) or not isinstance(dtype, torch.dtype):
        raise RefusedError('it holds a tensor without a storage')
    data, size, stride = storage.data, check_shape(size), check_shape(stride)
    if len(size) != len(stride) or type(offset) is not int or offset < 0:
        raise RefusedError('it holds a tensor of an impossible shape')
    reach = sum((n - 1) * step for n, step in zip(size, stride))
    last = 0 if 0 in size else offset + reach + 1
    bytes_each = item_size(dtype)
    # A stride of 0 repeats an element: .float() or .clone() write all of them out.
    most = TIMES * len(data) + BESIDE
    if last * bytes_each > len(data) or math.prod(size) * bytes_each > most:
        raise RefusedError('it holds a tensor larger than its data')
    if not last:
        return torch.empty(size, dtype=dtype)
    whole = data[: len(data) // bytes_each * bytes_each].view(dtype)
    # The data may be a part of a storage; the offset counts from the start of the part.
    return whole.as_strided(size, stride, whole.storage_offset() + offset)


def rebuild_typed(build: Any, kind: Any, args: Any, state: Any) -> Tensor:
    """Make a tensor that had extra attributes, without them."""
    is_tensor = isinstance(build, Builder) and '_rebuild_tensor' in build.name
    if not is_tensor or type(args) is not tuple:
        raise RefusedError('it holds a tensor of a custom type')
    check_args(build, args)
    return build.build(*args)


def parameter(data: Tensor, requires_grad: bool = True, *_: Any) -> Tensor:
    """Make the parameter that ``torch._utils._rebuild_parameter`` makes."""
    return torch.nn.Parameter(data, requires_grad=bool(requires_grad))
