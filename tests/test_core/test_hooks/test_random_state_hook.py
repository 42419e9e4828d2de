"""Random numbers of a model depend on seed, iteration and rank alone."""

import random
from types import SimpleNamespace

import numpy as np
import torch

from cite.core.hooks import RandomStateHook


def drawn(seed=3, iteration=5, rank=0):
    """Return random numbers of Python, NumPy and torch in an iteration."""
    runner = SimpleNamespace(meta={'seed': seed}, iter=iteration, rank=rank)
    RandomStateHook().before_train_iter(runner)
    return random.random(), np.random.rand(), float(torch.rand(()))


def test_each_seed_iteration_and_rank_draws_its_own():
    kinds = [drawn(), drawn(seed=4), drawn(iteration=6), drawn(rank=1)]
    for numbers in zip(*kinds):
        assert len(set(numbers)) == len(kinds)


def test_what_was_drawn_before_changes_nothing():
    first = drawn()
    random.random(), np.random.rand(), torch.rand(7)
    assert drawn() == first
