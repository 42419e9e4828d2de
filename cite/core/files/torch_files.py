"""The three formats that torch writes: archives, TorchScript, and the old format.

An archive (since torch 1.6) is a zip with the pickle ``data.pkl`` and a record for each
storage. TorchScript adds code, which is not read. The old format is a series of pickles
followed by the storages. Source: torch/serialization.py and torch/csrc/jit/docs.
"""

import io
import zipfile
from typing import Any, BinaryIO, Callable, Optional

from torch import Tensor

from . import plain_types
from .budget import Budget, TooLargeError, check_tree, open_zip
from .plain_pickle import Builder, Record, RefusedError, Unpickler
from .plain_tensors import Storage, StorageType, as_bytes, item_size

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_TAR = 257, b'ustar'  # offset and magic bytes of a tar's first entry
_TYPED_LISTS = ('int', 'double', 'bool', 'tensor')
# What functions of TorchScript's pickles take; their values are not looked at.
_SCRIPTED = (list, dict, str, int, float, bool, Tensor, Record)


def read_torch_file(file: BinaryIO) -> Any:
    """Read a file of ``torch.save``, or the tensors of one of ``torch.jit.save``.

    Args:
        file: binary file, open for reading and seekable.

    Raises:
        RefusedError: the file holds more than tensors and plain data.
        Exception: the file is damaged; the parsers raise many types.
    """
    budget = Budget(file.seek(0, io.SEEK_END))
    if zipfile.is_zipfile(file):
        content = _read_archive(open_zip(file), budget)
        check_tree(content, Budget(budget.size))
        return content
    file.seek(_TAR[0])
    if file.read(len(_TAR[1])) == _TAR[1]:
        raise RefusedError('it is a tar, as torch wrote them until 2017')
    content = _read_old(file, budget)
    check_tree(content, Budget(budget.size))
    return content


def _read_archive(archive: zipfile.ZipFile, budget: Budget) -> Any:
    names = archive.namelist()
    pickles = [n for n in names if n.count('/') == 1 and n.endswith('/data.pkl')]
    if not pickles:
        raise ValueError('a zip file that torch did not write')
    folder = pickles[0][: -len('data.pkl')]
    records = _Records(archive, budget.size)
    order = folder + 'byteorder'
    if order in names and records.read(order) != b'little':
        raise ValueError('written on a big-endian machine')
    storages: dict[str, Tensor] = {}

    def storage(pid: Any) -> Storage:
        kind, key, _ = _storage_id(pid)
        if key not in storages:
            storages[key] = as_bytes(records.read(f'{folder}data/{key}'))
        return Storage(storages[key], kind.dtype)

    file = io.BytesIO(records.read(pickles[0]))
    if folder + 'constants.pkl' not in names:
        return Unpickler(file, plain_types.find, budget, storage).load()
    root = Unpickler(file, _find_scripted, budget, storage).load()
    return _tensors_of(root, budget)


class _Records:
    """The records of an archive, which may not lie on top of each other."""

    def __init__(self, archive: zipfile.ZipFile, size: int) -> None:
        self._archive, self._size, self._left = archive, size, size

    def read(self, name: str) -> bytearray:
        """Read a whole record and verify its checksum."""
        info = self._archive.getinfo(name)
        whole = info.file_size
        if info.compress_type != zipfile.ZIP_STORED or whole != info.compress_size:
            raise RefusedError(f'it holds {name} compressed, which torch never does')
        self._left -= whole
        if self._left < 0 and whole <= self._size:
            raise TooLargeError('its records together are larger than the file')
        data = bytearray(min(whole, self._size))
        with self._archive.open(info) as opened:
            record: Any = opened
            size = record.readinto(memoryview(data))
            # zipfile verifies the checksum when the end is read.
            if size != whole or record.read(1):
                raise ValueError(f'{name} is cut off')
        return data


def _storage_id(pid: Any) -> tuple[StorageType, str, int]:
    if type(pid) is not tuple or len(pid) < 5 or pid[0] != 'storage':
        raise RefusedError('it refers to something that is not a storage')
    _, kind, key, _, numel = pid[:5]
    if not isinstance(kind, StorageType) or type(numel) is not int or numel < 0:
        raise RefusedError('it refers to a storage of an unknown type')
    if type(key) is not str:
        raise RefusedError('it refers to a storage by something else than a name')
    return kind, key, numel


def _find_scripted(module: str, name: str) -> Any:
    """Look up a name in TorchScript, whose objects become records."""
    if module.split('.')[0] == '__torch__':
        return Builder(name, lambda *_: Record(name), (tuple, *_SCRIPTED))
    typed = [f'build_{kind}list' for kind in _TYPED_LISTS]
    if module == 'torch.jit._pickle' and name in [*typed, 'restore_type_tag']:
        return Builder(name, lambda value, *_: value, _SCRIPTED)
    return plain_types.find(module, name)


def _tensors_of(root: Any, budget: Budget) -> dict[str, Tensor]:
    """Return a scripted module's tensors by their names in its state dict."""
    tensors: dict[str, Tensor] = {}
    pending = [('', root)]
    seen: set[int] = set()
    while pending:
        prefix, value = pending.pop()
        if isinstance(value, Tensor):
            tensors[prefix] = value
        elif isinstance(value, Record) and id(value) not in seen:
            seen.add(id(value))
            if not isinstance(value.fields, dict):
                raise RefusedError(f'its part {prefix[:200]!r} unpacks itself by code')
            dot = prefix + '.' if prefix else ''
            for key, field in reversed([*value.fields.items()]):
                if type(key) is not str:
                    raise RefusedError(f'its part {prefix[:200]!r} has an odd name')
                budget.spend(4 * (len(dot) + len(key)))  # of up to 4 bytes a letter
                pending.append((f'{dot}{key}', field))
    return tensors


def _read_old(file: BinaryIO, budget: Budget) -> Any:
    left = budget.size
    file.seek(0)
    if (_load(file, budget), _load(file, budget)) != (_MAGIC, _PROTOCOL):
        raise ValueError('not a file of torch')
    if _load(file, budget).get('little_endian') is not True:
        raise ValueError('written on a big-endian machine')
    buffers: dict[str, bytearray] = {}
    sizes: dict[str, int] = {}

    def storage(pid: Any) -> Storage:
        nonlocal left
        kind, key, numel = _storage_id(pid)
        each = item_size(kind.dtype)
        if key not in buffers:
            left -= numel * each
            if left < 0:
                raise ValueError('storages larger than the file')
            buffers[key], sizes[key] = bytearray(numel * each), each
        data, start, stop = as_bytes(buffers[key]), 0, None
        if len(pid) > 5 and pid[5] is not None:
            _, first, count = pid[5]
            if type(first) is not int or type(count) is not int:
                raise RefusedError('it holds a storage of an impossible size')
            start, stop = first * each, (first + count) * each
            if min(start, stop) < 0:
                raise RefusedError('it holds a storage of an impossible size')
        return Storage(data[start:stop], kind.dtype)

    content = _load(file, budget, storage)
    for key in _load(file, budget):
        number, buffer = file.read(8), buffers[key]
        if len(number) != 8:
            raise ValueError('the file is cut off')
        count = int.from_bytes(number, 'little')
        if count * sizes[key] != len(buffer):
            raise ValueError('a storage whose size differs from the announced one')
        if file.readinto(memoryview(buffer)) != len(buffer):  # type: ignore[attr-defined]
            raise ValueError('a storage is cut off')
    return content


def _load(
    file: BinaryIO, budget: Budget, storage: Optional[Callable[[Any], Any]] = None
) -> Any:
    return Unpickler(file, plain_types.find, budget, storage).load()
