"""mmcv's ``EMAHook`` forgets its averages when a run is resumed.

It adds them to the model after the checkpoint has been loaded, unless its own
``resume_from`` names that checkpoint once more. With the priority that it has by
default, checkpoints hold the averages of one iteration before, too: :mod:`.runner` has
it act first. For mmcv 1.7.
"""

import functools
from typing import Any

from mmcv.runner import EMAHook

_before_run = EMAHook.before_run
PREFIX = 'ema_'  # of their names in a checkpoint


def install() -> None:
    """Wrap ``EMAHook.before_run``."""
    EMAHook.before_run = before_run


@functools.wraps(_before_run)
def before_run(self: EMAHook, runner: Any) -> None:
    _before_run(self, runner)
    saved = getattr(runner, 'resumed_averages', None)
    if saved is None:
        return
    names = self.param_ema_buffer.values()
    missing = [name for name in names if name not in saved]
    if missing:
        runner.logger.warning(
            f'the checkpoint that this run goes on from lacks {len(missing)} averages '
            f'of EMAHook (such as {missing[0]}): these start from its weights.'
        )
    for name in names:
        if name in saved:
            own = self.model_buffers[name]
            if saved[name].shape != own.shape:
                raise ValueError(
                    f'the checkpoint that this run goes on from has an average {name} '
                    f'of shape {tuple(saved[name].shape)} where the model has '
                    f'{tuple(own.shape)}. Start a new run from its weights with '
                    'load_from.'
                )
            own.copy_(saved[name])
