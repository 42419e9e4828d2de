"""Compute precision of a forward pass."""

from contextlib import AbstractContextManager, nullcontext
from typing import Optional

import torch

PRECISIONS = {'fp32': None, 'bf16': torch.bfloat16, 'fp16': torch.float16}


def check_precision(precision: str) -> str:
    """Return ``precision`` if it is one we know, or raise a ``ValueError``."""
    choices = ['auto', *PRECISIONS]
    if precision not in choices:
        raise ValueError(f'model.precision is {precision!r}; choose one of {choices}.')
    return precision


def compute_dtype(precision: str, device: torch.device) -> Optional[torch.dtype]:
    """Name the half-precision type to compute in on a device, or None for fp32.

    ``auto`` is bf16 on a GPU that has it, fp16 on an older GPU, fp32 on a CPU. A CPU
    has no fp16 autocast: it computes in fp32 there.
    """
    if precision == 'auto':
        if device.type != 'cuda':
            return None
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if precision == 'fp16' and device.type == 'cpu':
        return None
    return PRECISIONS[precision]


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """Return the autocast context of a precision on a device."""
    dtype = compute_dtype(precision, device)
    if dtype is None:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)
