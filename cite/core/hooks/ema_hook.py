from typing import Any

from mmcv.runner import HOOKS
from mmcv.runner import EMAHook as _EMAHook

PREFIX = 'ema_'  # how the names of the averages begin in a checkpoint


@HOOKS.register_module(name='EMAHook', force=True)
class EMAHook(_EMAHook):
    """mmcv's moving averages of the weights, which survive resuming.

    mmcv adds them to the model after the checkpoint has been loaded, so that they start
    over, unless the hook's own ``resume_from`` names it again. For mmcv 1.7.

    Example::

        custom_hooks = [dict(type='EMAHook', momentum=0.001)]
    """

    def before_run(self, runner: Any) -> None:
        super().before_run(runner)
        saved = getattr(runner, 'resumed_averages', None)
        if saved is None:
            return
        names = self.param_ema_buffer.values()
        missing = [name for name in names if name not in saved]
        if missing:
            runner.logger.warning(
                f'the checkpoint that this run resumes from lacks {len(missing)} '
                f'averages of EMAHook (such as {missing[0]}): these start from its '
                'weights.'
            )
        for name in names:
            if name in saved:
                self._restore(name, saved[name])

    def _restore(self, name: str, average: Any) -> None:
        buffer = self.model_buffers[name]
        if average.shape != buffer.shape:
            raise ValueError(
                f'the checkpoint that this run resumes from has an average {name} '
                f'of shape {tuple(average.shape)} where the model has '
                f'{tuple(buffer.shape)}. Start a new run from its weights with '
                'load_from.'
            )
        buffer.copy_(average)
