"""mmcv's runners, registered anew: checkpoints are whole, resuming is exact."""

from .registered import EpochBasedRunner, IterBasedRunner

__all__ = ['EpochBasedRunner', 'IterBasedRunner']
