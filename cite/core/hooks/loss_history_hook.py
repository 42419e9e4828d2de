import json
from typing import Any

from mmcv.runner import HOOKS, Hook

from cite.core.files.write_whole import write_text_whole


@HOOKS.register_module()
class LossHistoryHook(Hook):
    """Write the loss of every iteration into a file at the end of the run.

    Example::

        custom_hooks = [dict(type='LossHistoryHook', file='work_dirs/losses.json')]

    Args:
        file: path of the file: a JSON list of numbers.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._losses: list[Any] = []

    def after_train_iter(self, runner: Any) -> None:
        loss = runner.outputs.get('log_vars', {}).get('loss')
        # A tensor stays on its device until the end, so that nothing waits for it.
        self._losses.append(runner.outputs['loss'].detach() if loss is None else loss)

    def after_run(self, runner: Any) -> None:
        write_text_whole(self.file, json.dumps([float(loss) for loss in self._losses]))
