"""The peak rates of this machine, which bound the rows."""

from time import perf_counter
from typing import Callable

import numpy as np
import torch
from torch.nn import functional as F

# A block's widest product for a batch of 8: 8 * 198 tokens, 768 to 4 * 768 values.
ROWS, INNER, OUTER = 8 * 198, 768, 4 * 768


def peaks() -> list[str]:
    """Measure matrix products and memory; returns sentences for below the table."""
    full = torch.get_num_threads()
    lines = []
    for threads in sorted({1, full}):
        torch.set_num_threads(threads)
        fp32, bf16 = (_product(dtype) for dtype in (torch.float32, torch.bfloat16))
        lines.append(
            f'matrix product {ROWS} x {INNER} by {INNER} x {OUTER}, {threads} threads: '
            f'{fp32:.0f} GFLOP/s in fp32, {bf16:.0f} in bf16, {bf16 / fp32:.1f} times'
        )
    torch.set_num_threads(full)
    batch = np.ones((128, 3, 224, 224), np.float32)
    seconds = _best(lambda: batch.fill(0.5))
    rate = batch.nbytes / seconds / 1e9
    lines.append(f'writing to memory, one core: {rate:.1f} GB/s')
    return lines


def most_by_bf16(threads: int, _: float) -> float:
    """Return how many times faster than the release ViT-B/16 can be on this machine.

    The release is bound by products in fp32, ours by those in bf16, of which the
    shorter last block saves a part: 33.6 + 1.4 GFLOP an image become 31.5 + 1.4.
    """
    full = torch.get_num_threads()
    torch.set_num_threads(threads)
    fp32, bf16 = (_product(dtype) for dtype in (torch.float32, torch.bfloat16))
    torch.set_num_threads(full)
    return bf16 / fp32 * (33.6 + 1.4) / (31.5 + 1.4)


def _product(dtype: torch.dtype) -> float:
    """Measure GFLOP/s."""
    rows, weight = torch.randn(ROWS, INNER), torch.randn(OUTER, INNER)
    rows, weight = rows.to(dtype), weight.to(dtype)
    return 2 * ROWS * INNER * OUTER / _best(lambda: F.linear(rows, weight)) / 1e9


def _best(work: Callable[[], object], repeats: int = 10) -> float:
    """Return the shortest time of several calls, seconds."""
    seconds = []
    for _ in range(repeats):
        start = perf_counter()
        work()
        seconds.append(perf_counter() - start)
    return min(seconds)
