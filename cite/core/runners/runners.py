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


# 'Runner' is mmcv's old name for it.
@RUNNERS.register_module(name=['EpochBasedRunner', 'Runner'], force=True)
class EpochBasedRunner(ExactRunner, mmcv.runner.EpochBasedRunner):
    """mmcv's runner of epochs: checkpoints are whole, resuming is exact.

    Example::

        runner = dict(type='EpochBasedRunner', max_epochs=10)
    """

    filename_tmpl = 'epoch_{}.pth'

    def train(self, data_loader: DataLoader, **kwargs: Any) -> None:
        """Train for an epoch: one pass of a sampler that is endless otherwise."""
        sampler: Any = data_loader.sampler
        if hasattr(sampler, 'endless'):
            sampler.endless = False
            sampler.set_epoch(self.epoch)
        super().train(data_loader, **kwargs)

    @property
    def _done(self) -> int:
        return int(self.epoch)

    def _continue(self, checkpoint: str, meta: Meta) -> None:
        self._epoch, self._iter = meta['epoch'], meta['iter']
        self.logger.info(f'resumed from {checkpoint} at epoch {self._epoch + 1}')
