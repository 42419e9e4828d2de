from typing import Any

import torch
from mmcv.runner import HOOKS, Hook

from cite.core.seeding import seed_all

# Last word of the key: an image's augmentation has (seed, k), which ends in zeros.
_TRAINING = 1


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Seed Python, NumPy and torch before every iteration from seed, iteration, rank.

    Dropout and whatever else a model draws then depend on the place in the run alone:
    a run that is resumed draws what an unbroken one does, although evaluations and data
    loaders have drawn different numbers of times. Nothing need be saved.
    """

    def before_train_iter(self, runner: Any) -> None:
        seed = (runner.meta or {}).get('seed')
        if seed is None:
            return
        seed_all(seed, runner.iter, runner.rank, _TRAINING)
        if torch.cuda.is_initialized():
            # The GPU in use alone: all of them would take longer.
            torch.cuda.manual_seed(torch.initial_seed())
