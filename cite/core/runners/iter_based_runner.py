from typing import Any

import mmcv.runner
from mmcv.runner import RUNNERS
from torch.utils.data import DataLoader

from .exact_runner import ExactRunner, Meta
from .resuming import warn_of_order


@RUNNERS.register_module(name='IterBasedRunner', force=True)
class IterBasedRunner(ExactRunner, mmcv.runner.IterBasedRunner):
    """mmcv's runner of iterations: checkpoints are whole, resuming is exact.

    Example::

        runner = dict(type='IterBasedRunner', max_iters=1000)
    """

    filename_tmpl = 'iter_{}.pth'

    @property
    def _done(self) -> int:
        return int(self.iter)

    def _continue(self, checkpoint: str, meta: Meta) -> None:
        self._epoch = meta['epoch']
        self._iter = self._inner_iter = meta['iter'] + 1
        self.logger.info(
            f'{checkpoint} is from a finished run: nothing is left to train'
            if self._iter >= self._max_iters
            else f'resumed from {checkpoint} at iteration {self._iter + 1}'
        )

    def _prepare(self, data_loaders: list[DataLoader]) -> list[Any]:
        """Put each sampler at the place that the run has reached, too."""
        samplers = super()._prepare(data_loaders)
        warn_of_order(self, data_loaders)
        for sampler in samplers:
            sampler.start = self.iter * sampler.samples_per_replica
        return samplers
