import numpy as np
import pytest

from cite.compare.statistics.judge import holm


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.04; never
    # below the one before.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1, 1]
    assert holm([]).tolist() == []


def test_a_comparison_without_a_test_does_not_count():
    assert holm([0.01, np.nan, 0.04]) == pytest.approx(
        [0.02, np.nan, 0.04], nan_ok=True
    )
