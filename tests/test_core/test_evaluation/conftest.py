import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def scored(rng):
    """Return scores (60, 3) with ties, and labels (60,)."""
    labels = rng.integers(0, 3, 60)
    logits = rng.normal(size=(60, 3)) + 1.2 * np.eye(3)[labels]
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    scores[10:20] = scores[:10]  # ties across slides
    return scores, labels
