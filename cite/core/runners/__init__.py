"""mmcv's runners, registered anew: checkpoints are whole, resuming is exact."""

from .runners import EpochBasedRunner, IterBasedRunner

__all__ = ['EpochBasedRunner', 'IterBasedRunner']
