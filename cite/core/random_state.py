"""Random numbers that depend on the place in a run and on nothing else."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils.data import get_worker_info

from .seeding import seed_all


@contextmanager
def random_state(seed: int, k: int) -> Iterator[None]:
    """Seed Python, NumPy and torch (CPU) for a while, then put their states back.

    In a worker process the states stay as they are left: every image seeds them anew,
    and saving NumPy's takes ten times as long as seeding all three.

    Args:
        seed: the run's seed, not negative.
        k: number of the draw within the run, not negative.
    """
    if get_worker_info() is not None:
        seed_all(seed, k)
        yield
        return
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        seed_all(seed, k)
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
