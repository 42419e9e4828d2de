"""The one home of what replaces or wraps a function of mmcv, mmcls or mim.

Written for mmcv 1.7.x and mmcls 0.25.0. Each module says why it is there.
"""

from . import (
    atomic_checkpoint,
    checkpoint_loader,
    dataloader,
    feature_loader,
    runner,
)

atomic_checkpoint.install()
checkpoint_loader.install()
dataloader.install()
feature_loader.install()
runner.install()

__all__ = [
    'atomic_checkpoint',
    'checkpoint_loader',
    'dataloader',
    'feature_loader',
    'runner',
]
