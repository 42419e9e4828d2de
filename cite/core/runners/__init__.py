"""mmcv's runners, registered anew: checkpoints are whole, resuming is exact."""

from .epoch_based_runner import EpochBasedRunner
from .iter_based_runner import IterBasedRunner

__all__ = ['EpochBasedRunner', 'IterBasedRunner']
