"""mmcv looks at ``evaluation.metric`` when the training is over.

A mistyped name then costs the run its figures. Ours is looked at before the first
iteration, by data sets that can tell.
"""

import functools
from typing import Any

from mmcv.runner import EvalHook


def install() -> None:
    """Wrap ``EvalHook.before_run``; the hooks for several GPUs inherit it."""
    if not getattr(EvalHook.before_run, 'checks_metrics', False):
        EvalHook.before_run = _check_first(EvalHook.before_run)


def _check_first(original: Any) -> Any:
    @functools.wraps(original)
    def before_run(self: EvalHook, runner: Any) -> None:
        check = getattr(self.dataloader.dataset, 'check_metrics', None)
        metric = self.eval_kwargs.get('metric')
        if check is not None and metric is not None:
            check([metric] if isinstance(metric, str) else list(metric))
        original(self, runner)

    before_run.checks_metrics = True  # type: ignore[attr-defined]
    return before_run
