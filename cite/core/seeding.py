"""The one way in which a place in a run becomes random numbers."""

import random

import numpy as np
import torch


def seed_all(*key: int) -> None:
    """Seed Python, NumPy and torch (CPU) from numbers that are not negative.

    Args:
        key: says what the numbers are for, such as seed and iteration. Zeros at the end
            make no difference.
    """
    words = np.random.SeedSequence(key).generate_state(3)  # (3,) uint32
    random.seed(int(words[0]))
    np.random.seed(words[1])
    # torch.manual_seed also reaches for every GPU, which takes longer than an image.
    torch.default_generator.manual_seed(int(words[2]))
