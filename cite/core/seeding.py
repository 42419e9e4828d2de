"""The one way in which a place in a run becomes random numbers."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch.utils.data import get_worker_info

# How seed and k become an image's augmentation: 'v1' seeds the random numbers of the
# libraries (random_state), 'v2' needs no state (random_words).
SEEDINGS = ('v1', 'v2')


def seed_all(*key: int) -> None:
    """Seed Python, NumPy and torch (CPU) from numbers that are not negative.

    Args:
        key: place in a run, such as seed and iteration; zeros at the end do not count.
    """
    words = np.random.SeedSequence(key).generate_state(3)  # (3,) uint32
    random.seed(int(words[0]))
    np.random.seed(words[1])
    # torch.manual_seed would also seed every GPU, which takes longer than an image.
    torch.default_generator.manual_seed(int(words[2]))


def random_words(seed: int, k: int, count: int) -> np.ndarray:
    """Return four random words for each of the draws k to k + count - 1.

    Philox 4x64-10 with the seed as its key and k as its counter (Salmon et al., SC
    2011), so that a draw has the same words whichever draws are made with it.

    Args:
        seed: seed of the run, not negative.
        k: number of the first draw within the run, not negative.
        count: number of draws.

    Returns:
        (count, 4), uint64.
    """
    generator = np.random.Philox(key=seed, counter=k)
    return generator.random_raw(4 * count).reshape(count, 4)


@contextmanager
def random_state(seed: int, k: int) -> Iterator[None]:
    """Seed Python, NumPy and torch (CPU) for a block, then restore their states.

    Args:
        seed: seed of the run, not negative.
        k: number of the draw within the run, not negative.
    """
    # A worker does not restore them: every image seeds them anew, and saving NumPy's
    # state takes ten times as long as seeding all three.
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
