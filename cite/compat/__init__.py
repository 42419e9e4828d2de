"""The one home of what replaces or wraps a function of mmcv, mmcls or mim.

Written for mmcv 1.7.x and mmcls 0.25.0. Each module says why it is there.
"""

from . import atomic_checkpoint, checkpoint_loader, dataloader, runner, uint8_images

atomic_checkpoint.install()
checkpoint_loader.install()
dataloader.install()
runner.install()
uint8_images.install()

__all__ = [
    'atomic_checkpoint',
    'checkpoint_loader',
    'dataloader',
    'runner',
    'uint8_images',
]
