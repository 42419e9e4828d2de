"""The one home of what replaces or wraps a function of mmcv, mmcls or mim.

Written for mmcv 1.7.x and mmcls 0.25.0. Each module says why it is there.
"""

from . import (
    atomic_checkpoint,
    checkpoint_loader,
    dataloader,
    replaced_images,
    runner,
    safe_loading,
)

atomic_checkpoint.install()
checkpoint_loader.install()
dataloader.install()
runner.install()
safe_loading.install()
replaced_images.install()

__all__ = [
    'atomic_checkpoint',
    'checkpoint_loader',
    'dataloader',
    'replaced_images',
    'runner',
    'safe_loading',
]
