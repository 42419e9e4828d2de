"""The one home of what replaces or wraps a function of mmcv, mmcls or mim.

Written for mmcv 1.7.x and mmcls 0.25.0. Each module says why it is there.
"""

from cite.apis import train
from cite.core.evaluation import best_checkpoint
from cite.core.evaluation import eval_hooks as evaluation
from cite.core.files import checkpoint_loader
from cite.core.hooks import ema_hook as moving_averages
from cite.core.runners import atomic_checkpoint, runner
from cite.datasets import builder as dataloader
from cite.datasets import feature_loader
from cite.models.classifiers import fitting_checkpoint
from cite.models.classifiers import normalize as uint8_images

from . import distributed, image_stats, safe_loading

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
