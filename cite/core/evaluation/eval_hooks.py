"""mmcls looks at the names of the metrics when all the rest is done.

A mistyped name then costs a training run its figures, and ``mim test`` a pass over all
patches. Ours is looked at before the first iteration or patch, by data sets that can
tell.
"""

import argparse
import functools
import sys
from collections.abc import Sequence
from typing import Any

from mmcls.apis import multi_gpu_test, single_gpu_test
from mmcv.runner import EvalHook

from cite.compat.doors import rebind


def install() -> None:
    """Wrap what starts an evaluation: in training, and in mmcls' test command.

    The hooks for several GPUs inherit ``EvalHook.before_run``.
    """
    if not getattr(EvalHook.before_run, 'checks_metrics', False):
        EvalHook.before_run = _check_first(EvalHook.before_run)
        for test in (single_gpu_test, multi_gpu_test):
            rebind(test, _check_command(test))


def _check_first(original: Any) -> Any:
    @functools.wraps(original)
    def before_run(self: EvalHook, runner: Any) -> None:
        metric = self.eval_kwargs.get('metric') or []
        _check(self.dataloader, [metric] if isinstance(metric, str) else metric)
        original(self, runner)

    before_run.checks_metrics = True  # type: ignore[attr-defined]
    return before_run


def _check_command(original: Any) -> Any:
    @functools.wraps(original)
    def test(model: Any, data_loader: Any, *args: Any, **kwargs: Any) -> Any:
        _check(data_loader, _metrics_asked(sys.argv[1:]))
        return original(model, data_loader, *args, **kwargs)

    return test


def _metrics_asked(arguments: Sequence[str]) -> list[str]:
    """Return what a command names after ``--metrics``; mmcls passes it to no one."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--metrics', nargs='+', default=[])
    metrics: list[str] = parser.parse_known_args(arguments)[0].metrics
    return metrics


def _check(data_loader: Any, metrics: Sequence[str]) -> None:
    check = getattr(data_loader.dataset, 'check_metrics', None)
    if check is not None and metrics:
        check(list(metrics))
