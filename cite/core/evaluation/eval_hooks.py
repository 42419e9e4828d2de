"""mmcls' evaluation hooks: names are checked first, the best checkpoint is kept.

mmcls looks at the names of the metrics when everything else is done: a mistyped name
costs a training run its figures. mmcv removes the best checkpoint before it writes a
better one: a run that is killed in between, or a full disk, leaves none.
"""

import inspect
import math
import os.path as osp
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from mmcls.core import DistEvalHook as _DistEvalHook
from mmcls.core import EvalHook as _EvalHook
from mmcv.runner import EvalHook as _BaseEvalHook
from mmcv.runner import Hook

from cite.core.evaluation.metrics import less_is_better
from cite.core.messages import count, meant

_ONLY_TOP = (1, (1,), [1])  # values of topk that are what we compute
# Keys of a config's `evaluation` that go to the data set's evaluate.
_OF_DATA = ('metric', 'metric_options', 'indices', 'logger')


class _Careful(_BaseEvalHook):
    best_ckpt_path: Any

    def before_run(self, runner: Any) -> None:
        dataset = self.dataloader.dataset
        check_metric_names(dataset, _as_list(self.eval_kwargs.get('metric') or []))
        check_metric_options(dataset, self.eval_kwargs.get('metric_options'))
        self._check_time(runner)
        if hasattr(dataset, 'best_values'):
            check_hook_settings(key for key in self.eval_kwargs if key not in _OF_DATA)
            self._check_best()
        super().before_run(runner)

    def _check_time(self, runner: Any) -> None:
        """Say so if the run ends before its first evaluation."""
        unit = 'epoch' if self.by_epoch else 'iteration'
        end = runner.max_epochs if self.by_epoch else runner.max_iters
        first = self.interval if self.start is None else max(self.start, 1)
        if end is not None and first > end:
            key = 'interval' if self.start is None else 'start'
            runner.logger.warning(
                f'this run is never evaluated: it ends after {count(end, unit)}, and '
                f'evaluation.{key} is {first}'
            )

    def _init_rule(self, rule: Optional[str], key_indicator: str) -> None:
        """Settle whether more or less of a value is better; mmcv knows few names."""
        has_rules = hasattr(self.dataloader.dataset, 'best_values')
        if has_rules and key_indicator != 'auto':
            better = 'less' if less_is_better(key_indicator) else 'greater'
            if rule not in (None, better):
                raise ValueError(
                    f'evaluation.rule={rule!r} keeps the worst checkpoint by '
                    f'{key_indicator}. Delete it, or write {better!r}.'
                )
            rule = better
        super()._init_rule(rule, key_indicator)

    def _check_best(self) -> None:
        """Find what ``save_best`` names among the values that will be computed.

        Raises:
            ValueError: it is not among them, or the data set has no value for it.
        """
        if self.save_best is None:
            return
        metrics = _as_list(self.eval_kwargs.get('metric', 'mean_bag_accuracy'))
        values = self.dataloader.dataset.best_values(metrics)
        key = self.save_best
        if key == 'auto':
            # mmcv takes the first value, which may be one class's accuracy alone.
            whole = [name for name in values if not name.rpartition('_')[2].isdigit()]
            key = (whole or [''])[0]
            self._init_rule(self.rule, key)
        if key not in values:
            raise ValueError(
                f'evaluation.save_best={key!r}, but evaluation.metric={metrics} gives '
                f'{", ".join(values) or "nothing"} on these data'
                f'{meant(key, values)} Name one of them, or add its metric.'
            )
        if math.isnan(values[key]):
            raise ValueError(
                f'evaluation.save_best={key!r} is not defined where all patches are '
                'of one class, as in data.val. Name another metric.'
            )

    def evaluate(self, runner: Any, results: Any) -> Any:
        """Evaluate, and save a best checkpoint whose score is 0, which mmcv skips."""
        score = super().evaluate(runner, results)
        if self.save_best and score is not None and not score:
            self._save_ckpt(runner, score)
        return score

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


def _as_list(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def check_metric_names(dataset: Any, metrics: Sequence[str]) -> None:
    """Raise a ValueError for a metric that a data set of ours does not know."""
    check = getattr(dataset, 'check_metrics', None)
    if check is not None and metrics:
        check(list(metrics))


def check_metric_options(dataset: Any, options: Optional[Mapping[str, Any]]) -> None:
    """Refuse options of metrics, which a data set of ours does not have.

    mmcls' configs have ``topk=1``, which changes nothing.

    Raises:
        ValueError: there are others.
    """
    if hasattr(dataset, 'best_values') and options:
        rest = {k: v for k, v in options.items() if k != 'topk' or v not in _ONLY_TOP}
        if rest:
            raise ValueError(
                f'metric_options={rest} has no effect: the metrics of '
                f'{type(dataset).__name__} have no options. Delete it.'
            )


def check_evaluation(evaluation: Any) -> None:
    """Refuse values of ``evaluation`` of another type than mmcv's hook takes.

    Raises:
        ValueError: the message says what to give.
    """
    if not isinstance(evaluation, Mapping):
        raise ValueError(
            f'evaluation is {evaluation!r}; give a dict, or train without evaluation '
            'by --no-validate.'
        )
    best = evaluation.get('save_best')
    if best is not None and not isinstance(best, str):
        raise ValueError(
            f'evaluation.save_best is {best!r}; give the name of a value, such as '
            "'bag_f1', or 'auto' for the first one."
        )
    metric = evaluation.get('metric', ())
    names = metric if isinstance(metric, (list, tuple)) else [metric]
    if not all(isinstance(name, str) for name in names):
        raise ValueError(
            f'evaluation.metric is {metric!r}; give the name of a metric, or a list.'
        )


def hook_settings() -> set[str]:
    """Return the names of the arguments of mmcv's evaluation hooks."""
    kinds = [DistEvalHook, EvalHook, *DistEvalHook.__mro__, *EvalHook.__mro__]
    return {
        name
        for kind in kinds
        if issubclass(kind, Hook)
        for name in inspect.signature(kind.__init__).parameters
    } - {'self', 'dataloader', 'eval_kwargs', 'args', 'kwargs'}


def check_hook_settings(settings: Iterable[str]) -> None:
    """Raise a TypeError for a setting that mmcv's evaluation hooks don't have."""
    known = hook_settings()
    for name in settings:
        if name not in known:
            raise TypeError(
                f'evaluation has no setting {name!r}{meant(name, [*known, *_OF_DATA])}'
            )


def _is_predecessor(previous: Any, best: Any, indicator: str) -> bool:
    """Tell whether mmcv wrote the file ``previous`` before ``best``."""
    # The path may come from the checkpoint of a resumed run, that is, from anyone.
    if not isinstance(previous, str) or not best or previous == best:
        return False
    name = osp.basename(previous)
    same_folder = osp.realpath(osp.dirname(previous)) == osp.realpath(osp.dirname(best))
    written = re.fullmatch(rf'best_{re.escape(indicator)}_(iter|epoch)_\d+\.pth', name)
    return same_folder and written is not None
