"""The precision that a model, or a part of it, computes in."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch
from mmcls.utils import get_root_logger
from torch import Tensor

PRECISIONS = {'fp32': None, 'bf16': torch.bfloat16, 'fp16': torch.float16}
# x86 instructions that multiply bf16 matrices faster than fp32 ones: up to five times
# on one core with the first (docs/BENCHMARK.md). Without them bf16 is slower.
CPU_FLAGS = ('avx512_bf16', 'amx_bf16')
_CPU_INFO = Path('/proc/cpuinfo')


def compute_dtype(precision: str, device: torch.device) -> Optional[torch.dtype]:
    """Name the half-precision type to compute in on a device, or None for fp32.

    ``auto`` is bf16 on a device that multiplies it fast, fp16 on an older GPU, fp32 on
    an older CPU. A CPU has no fp16 autocast: it computes in fp32 there.
    """
    if precision == 'auto' and device.type == 'cuda':
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if precision == 'auto':
        return torch.bfloat16 if device.type == 'cpu' and cpu_bf16() else None
    if precision == 'fp16' and device.type == 'cpu':
        return None
    return PRECISIONS[precision]


@cache
def cpu_bf16() -> Optional[str]:
    """Name the instruction set with which this CPU multiplies bf16, or None.

    Detected only on Linux; elsewhere ``model.precision='bf16'`` asks for it.
    """
    if not _CPU_INFO.is_file():
        return None
    lines = _CPU_INFO.read_text(errors='replace').splitlines()
    flags = next((line.split() for line in lines if line.startswith('flags')), [])
    return next((flag for flag in reversed(CPU_FLAGS) if flag in flags), None)


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """Return the autocast context of a precision on a device."""
    dtype = compute_dtype(precision, device)
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)


def surrounding_autocast() -> AbstractContextManager:
    """Return a context with this thread's autocast on a CPU, for another thread."""
    if hasattr(torch, 'get_autocast_dtype'):
        dtype, on = torch.get_autocast_dtype('cpu'), torch.is_autocast_enabled('cpu')
    else:  # torch 1.13
        dtype, on = torch.get_autocast_cpu_dtype(), torch.is_autocast_cpu_enabled()
    return torch.autocast('cpu', dtype=dtype, enabled=on)


def half_on_gpu(asked: bool, device: torch.device) -> bool:
    """Tell whether to compute in fp16, which ``float16=True`` asks for on a GPU.

    A CPU has no fast fp16: the request is ignored there, with one log line.
    """
    if asked and device.type != 'cuda':
        _say_ignored(device.type)
    return asked and device.type == 'cuda'


def half_autocast(asked: bool, device: torch.device) -> AbstractContextManager:
    """Return fp16 autocast if asked for, on a GPU, unless an autocast is on already."""
    if half_on_gpu(asked, device) and not torch.is_autocast_enabled():
        return torch.autocast('cuda', dtype=torch.float16)
    return nullcontext()


def full_precision(device: torch.device) -> AbstractContextManager:
    """Return a context without autocast, for sums that half precision would spoil."""
    if device.type in ('cpu', 'cuda'):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def require_float(img: Any, what: str = 'images') -> None:
    """Refuse images that nobody has normalised, because whole numbers are pixels.

    Args:
        img: images, or features that were computed of them.
        what: what they are, for the message.

    Raises:
        ValueError: a tensor is not of a floating-point type.
        TypeError: an array of NumPy's instead of a tensor.
    """
    refuse_array(img, what)
    if isinstance(img, Tensor) and not img.is_floating_point():
        kind = str(img.dtype).partition('.')[2]
        raise ValueError(
            f'the {what} are {kind}, so nobody has normalised them: give the '
            'classifier uint8 images with their img_metas (forward, forward_train, '
            'simple_test or extract_feat), which have img_norm_cfg, or write '
            "backend='pillow' in PatchGastricPipeline."
        )


def refuse_array(img: Any, what: str = 'images') -> None:
    """Refuse an array of NumPy's, which has no device and no gradients.

    Raises:
        TypeError: it is one.
    """
    if isinstance(img, np.ndarray):
        raise TypeError(
            f'the {what} are an array of type {img.dtype}: give a tensor of normalised '
            'floats (torch.from_numpy), or a file to inference_model.'
        )


def require_full_weights(weight: Tensor) -> None:
    """Refuse a model whose weights were turned into another type than fp32.

    Raises:
        ValueError: the weight is not fp32.
    """
    if weight.dtype != torch.float32:
        kind = str(weight.dtype).partition('.')[2]
        raise ValueError(
            f'the weights of the model are {kind} (.half() or .to?): they stay fp32 '
            "here. For half precision set model.precision='bf16' or 'fp16', which "
            'computes by autocast.'
        )


@cache
def _say_ignored(device_type: str) -> None:
    get_root_logger().info(
        f'float16=True (neck, head) has no effect on a {device_type.upper()}: '
        'computing in fp32 or under the surrounding autocast.'
    )
