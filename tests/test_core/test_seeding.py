import random

import numpy as np
import pytest
import torch

from cite.core.seeding import random_state


def numbers():
    return (
        random.random(),
        random.gauss(0, 1),
        np.random.rand(),
        np.random.randn(),
        torch.rand(1).item(),
        torch.randn(3).tolist(),
    )


def seeded_numbers(seed, k):
    with random_state(seed, k):
        return numbers()


def test_numbers_depend_on_seed_and_k_alone():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    first = seeded_numbers(0, 5)
    random.seed(2), np.random.seed(2), torch.manual_seed(2)

    assert seeded_numbers(0, 5) == first
    for other in (seeded_numbers(0, 6), seeded_numbers(1, 5), seeded_numbers(5, 0)):
        assert not set(map(str, other)) & set(map(str, first))


def test_the_states_before_come_back():
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    numbers()  # leaves half a pair of normal numbers in each
    expected = numbers()
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    numbers()

    seeded_numbers(0, 1)

    assert numbers() == expected


def test_the_states_come_back_after_an_error():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)

    with pytest.raises(KeyError), random_state(0, 0):
        raise KeyError

    assert torch.equal(torch.rand(1), expected)
