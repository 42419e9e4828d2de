"""The one home of what replaces or wraps a function of mmcv, mmcls or mim.

Written for mmcv 1.7.x and mmcls 0.25.0. Each module says why it is there.
"""

from . import (
    atomic_checkpoint,
    best_checkpoint,
    checkpoint_loader,
    dataloader,
    distributed,
    evaluation,
    feature_loader,
    fitting_checkpoint,
    image_stats,
    moving_averages,
    runner,
    safe_loading,
    train,
    uint8_images,
)

_MODULES = (
    atomic_checkpoint,
    best_checkpoint,
    checkpoint_loader,
    dataloader,
    distributed,
    evaluation,
    feature_loader,
    fitting_checkpoint,
    image_stats,
    moving_averages,
    runner,
    safe_loading,
    train,
    uint8_images,
)
for _module in _MODULES:
    _module.install()  # type: ignore[attr-defined]
