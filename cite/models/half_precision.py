"""When a part computes in half precision, and when it must not."""

from contextlib import AbstractContextManager, nullcontext
from functools import cache

import torch
from mmcls.utils import get_root_logger


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


@cache
def _say_ignored(device_type: str) -> None:
    get_root_logger().info(
        f'float16=True (neck, head) has no effect on a {device_type.upper()}: '
        'computing in fp32 or under the surrounding autocast.'
    )
