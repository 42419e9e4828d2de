"""The one home of what replaces or wraps a function of mmcv, mmcls or mim.

Written for mmcv 1.7.x and mmcls 0.25.0. Each module says why it is there.
"""

import functools
from typing import Any

from mmcls.apis import multi_gpu_test, single_gpu_test
from mmcv.runner import load_checkpoint as _load_checkpoint

from cite.apis import train
from cite.core.evaluation import best_checkpoint
from cite.core.evaluation import eval_hooks as evaluation
from cite.core.files import checkpoint_loader
from cite.core.hooks import ema_hook as moving_averages
from cite.core.runners import atomic_checkpoint, runner
from cite.datasets import builder as dataloader
from cite.datasets import feature_loader
from cite.models.classifiers import load_checkpoint
from cite.models.image_stats import settle_images

from . import distributed, safe_loading
from .doors import rebind


# Until the doors call settle_images themselves.
def _settling(original: Any) -> Any:
    @functools.wraps(original)
    def call(model: Any, data: Any, *args: Any, **kwargs: Any) -> Any:
        settle_images(getattr(data, 'dataset', data), model)
        return original(model, data, *args, **kwargs)

    return call


for _test in (single_gpu_test, multi_gpu_test):
    rebind(_test, _settling(_test))
rebind(_load_checkpoint, load_checkpoint)
train._train_model = _settling(train._train_model)

_MODULES = (
    atomic_checkpoint,
    best_checkpoint,
    checkpoint_loader,
    dataloader,
    distributed,
    evaluation,
    feature_loader,
    moving_averages,
    runner,
    safe_loading,
    train,
)
for _module in _MODULES:
    _module.install()  # type: ignore[attr-defined]
