"""``torch.load`` of tensors and plain data only, for torch 1.13.

There ``weights_only=True`` cannot read a Python float, so no checkpoint with an
optimizer in it, and ``torch.load`` ignores its ``pickle_module``. From torch 2.0 on
``weights_only=True`` does what it should, and is used instead.
"""

import pickle
import sys
from typing import Any, Optional

import torch
from torch import serialization

# Callables and types out of which torch.save builds tensors and state dicts.
_ALLOWED = {
    # The command line of MAE's, DINO's and HIPT's training: attributes, no code.
    ('argparse', 'Namespace'),
    ('collections', 'OrderedDict'),
    ('torch', 'Size'),
    ('torch', 'device'),
    ('torch._utils', '_rebuild_parameter'),
    ('torch._utils', '_rebuild_tensor'),
    ('torch._utils', '_rebuild_tensor_v2'),
}


class Unpickler(pickle.Unpickler):
    """Refuses every global that is not needed for tensors."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED or _is_torch_type(module, name):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f'it asks for {module}.{name}')


def _is_torch_type(module: str, name: str) -> bool:
    """Tell a dtype or storage class from anything else of torch."""
    if module != 'torch':
        return False
    if name.endswith('Storage'):
        return isinstance(getattr(torch, name, None), type)
    return isinstance(getattr(torch, name, None), torch.dtype)


def load(file: Any, *, encoding: Optional[str] = None, **kwargs: Any) -> Any:
    """Unpickle a file object as :func:`pickle.load` does, with our ``Unpickler``."""
    return Unpickler(file, encoding=encoding or 'ASCII', **kwargs).load()


def load_checkpoint(path: str) -> Any:
    """Read a file of ``torch.save`` onto the CPU as torch 1.13 does, but safely.

    Raises:
        pickle.UnpicklingError: the file asks for anything but tensors and plain data.
    """
    module = sys.modules[__name__]
    with open(path, 'rb') as file:
        if not serialization._is_zipfile(file):
            return serialization._legacy_load(file, 'cpu', module, encoding='utf-8')
        with serialization._open_zipfile_reader(file) as archive:
            return serialization._load(archive, 'cpu', module, encoding='utf-8')
