"""Which of a patch's feature draws a training draw takes."""

from typing import Union

import numpy as np

# The finaliser of splitmix64: Steele, Lea and Flood, OOPSLA 2014, section 3.
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))


def feature_draw(
    seed: int, k: Union[int, np.ndarray], num_aug: int
) -> Union[int, np.ndarray]:
    """Choose one of ``num_aug`` draws alike, as a function of the run's seed and k.

    Args:
        seed: of the run.
        k: number of the draw within the run, or (N,) of them.
        num_aug: number of feature draws.

    Returns:
        0 to ``num_aug - 1``, of k's shape.
    """
    with np.errstate(over='ignore'):  # arithmetic modulo 2**64 is meant
        x = _mix(np.asarray(seed, np.uint64) + _STEP) + np.asarray(k, np.uint64)
        chosen = (_mix(x * _STEP) >> np.uint64(11)) % np.uint64(num_aug)
    return chosen.astype(np.int64) if chosen.ndim else int(chosen)


def _mix(x: np.ndarray) -> np.ndarray:
    for shift, factor in _MIX:
        x = (x ^ (x >> np.uint64(shift))) * factor
    return x ^ (x >> np.uint64(31))
