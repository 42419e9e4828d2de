"""How many jobs fit."""

import os
from typing import Optional

import torch


def slots(jobs: Optional[int]) -> int:
    """Return how many jobs run at once: as asked, one a GPU, or one a core."""
    return jobs or torch.cuda.device_count() or len(os.sched_getaffinity(0))


def gpu_of(slot: int) -> Optional[str]:
    """Return the GPU of a slot, as CUDA_VISIBLE_DEVICES has it; None without GPUs."""
    count = torch.cuda.device_count()
    if not count:
        return None
    visible = os.environ.get('CUDA_VISIBLE_DEVICES')
    names = visible.split(',') if visible else [str(i) for i in range(count)]
    return names[slot % count]
