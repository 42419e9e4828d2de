from typing import Any

import torch
from mmcv.runner import HOOKS, Hook

from cite.core.seeding import seed_all

# Last number of the key. The key of an image's augmentation, (seed, k), ends in zeros.
_TRAINING = 1


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Seed Python, NumPy and torch before every iteration from seed, iteration, rank.

    Dropout and other random numbers of the model then depend only on the place in the
    run: a resumed run draws the same numbers as an unbroken one, although evaluations
    and data loaders have drawn in between. Training includes this hook::

        custom_hooks = [dict(type='RandomStateHook', priority='HIGHEST')]
    """

    def before_train_iter(self, runner: Any) -> None:
        seed = (runner.meta or {}).get('seed')
        if seed is None:
            return
        seed_all(seed, runner.iter, runner.rank, _TRAINING)
        if torch.cuda.is_initialized():
            # Only the GPU in use: seeding all of them would take longer.
            torch.cuda.manual_seed(torch.initial_seed())
