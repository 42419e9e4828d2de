"""mmcls' evaluation hooks: names are checked first, the best checkpoint is kept.

mmcls looks at the names of the metrics when everything else is done: a mistyped name
costs a training run its figures. mmcv removes the best checkpoint before it writes a
better one: a run that is killed in between, or a full disk, leaves none.
"""

import os.path as osp
import re
from collections.abc import Sequence
from typing import Any

from mmcls.core import DistEvalHook as _DistEvalHook
from mmcls.core import EvalHook as _EvalHook
from mmcv.runner import EvalHook as _BaseEvalHook


class _Careful(_BaseEvalHook):
    best_ckpt_path: Any

    def before_run(self, runner: Any) -> None:
        metric = self.eval_kwargs.get('metric') or []
        metrics = [metric] if isinstance(metric, str) else metric
        check_metric_names(self.dataloader.dataset, metrics)
        super().before_run(runner)

    def _save_ckpt(self, runner: Any, key_score: float) -> None:
        """Save a better checkpoint, then remove the one that was best before."""
        previous, self.best_ckpt_path = self.best_ckpt_path, None
        try:
            super()._save_ckpt(runner, key_score)
        finally:
            if self.best_ckpt_path is None:
                self.best_ckpt_path = previous
        if _is_predecessor(previous, self.best_ckpt_path, self.key_indicator) and (
            self.file_client.isfile(previous)
        ):
            self.file_client.remove(previous)
            runner.logger.info(f'The previous best checkpoint {previous} was removed')


class EvalHook(_Careful, _EvalHook):
    """Evaluate in training, on one device."""


class DistEvalHook(_Careful, _DistEvalHook):
    """Evaluate in training, on several ranks."""


def check_metric_names(dataset: Any, metrics: Sequence[str]) -> None:
    """Raise a ValueError for a metric that a data set of ours does not know."""
    check = getattr(dataset, 'check_metrics', None)
    if check is not None and metrics:
        check(list(metrics))


def _is_predecessor(previous: Any, best: Any, indicator: str) -> bool:
    """Tell whether mmcv wrote the file ``previous`` before ``best``."""
    # The path may come from the checkpoint of a resumed run, that is, from anyone.
    if not isinstance(previous, str) or not best or previous == best:
        return False
    name = osp.basename(previous)
    same_folder = osp.realpath(osp.dirname(previous)) == osp.realpath(osp.dirname(best))
    written = re.fullmatch(rf'best_{re.escape(indicator)}_(iter|epoch)_\d+\.pth', name)
    return same_folder and written is not None
