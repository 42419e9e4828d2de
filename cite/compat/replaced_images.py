"""A run with ``on_error='skip'`` reports what it replaced without being asked to.

mmcls registers the hooks that a config names and no others; a count that nobody asked
for would be lost. Written for mmcv 1.7: its iteration-based runner.
"""

import functools
from typing import Any

from mmcv.runner import IterBasedRunner

from cite.core.hooks import ReplacedImagesHook


def install() -> None:
    """Wrap ``run`` of mmcv's iteration-based runner."""
    if not getattr(IterBasedRunner.run, 'reports_replaced', False):
        IterBasedRunner.run = _report_replaced(IterBasedRunner.run)


def _report_replaced(original: Any) -> Any:
    @functools.wraps(original)
    def run(
        self: IterBasedRunner, data_loaders: list, *args: Any, **kwargs: Any
    ) -> None:
        asked = any(isinstance(hook, ReplacedImagesHook) for hook in self.hooks)
        skipping = any(
            getattr(loader.dataset, 'on_error', None) == 'skip'
            for loader in data_loaders
        )
        if skipping and not asked:
            self.register_hook(ReplacedImagesHook(), priority='VERY_LOW')
        original(self, data_loaders, *args, **kwargs)

    run.reports_replaced = True  # type: ignore[attr-defined]
    return run
