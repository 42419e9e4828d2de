import random

import numpy as np
import pytest
import torch

from cite.core.seeding import random_state, random_words


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


def test_words_are_philox_4x64_of_seed_and_k():
    """Known answer of Random123's kat_vectors: counter 0, key 0, ten rounds."""
    words = random_words(0, 2**256 - 1, 1)  # NumPy counts up before it computes

    assert [f'{word:016x}' for word in words[0]] == [
        '16554d9eca36314c',
        'db20fe9d672d0fdc',
        'd7e772cee186176b',
        '7e68b68aec7ba23b',
    ]


def test_a_draw_s_words_are_the_same_alone_and_with_others():
    together = random_words(7, 100, 5)
    alone = [random_words(7, k, 1) for k in range(100, 105)]

    assert np.array_equal(together, np.concatenate(alone))
    assert len({*together.ravel().tolist(), *random_words(8, 100, 5).ravel()}) == 40
