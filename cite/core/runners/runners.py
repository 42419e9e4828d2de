from collections.abc import Iterator, Sequence
from typing import Any, Optional

import mmcv.runner
import torch
from mmcv.runner import RUNNERS, IterLoader
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

    @property
    def _most(self) -> Optional[int]:
        return self._max_iters

    def _run_all(self, data_loaders: Sequence[Any], *args: Any) -> None:
        self.call_hook('before_epoch')
        super()._run_all([_Passes(loader) for loader in data_loaders], *args)
        self.call_hook('after_epoch')

    def _continue(self, checkpoint: str, meta: Meta) -> None:
        self._epoch = meta['epoch']
        self._iter = self._inner_iter = meta['iter'] + 1
        self.logger.info(
            f'{checkpoint} is from a finished run: nothing is left to train'
            if self._iter >= self._max_iters
            else f'resumed from {checkpoint} at iteration {self._iter + 1}'
        )

    def _prepare(
        self, data_loaders: Sequence[DataLoader], epoch_iters: int
    ) -> list[Any]:
        """Put each sampler at the place that the run has reached, too."""
        samplers = super()._prepare(data_loaders, epoch_iters)
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
        """Train for an epoch."""
        self.model.train()
        self._pass('train', data_loader, kwargs)
        self._epoch += 1

    @torch.no_grad()
    def val(self, data_loader: DataLoader, **kwargs: Any) -> None:
        """Compute the losses of an epoch, and train nothing."""
        self.model.eval()
        self._pass('val', data_loader, kwargs)

    def _pass(self, mode: str, loader: DataLoader, kwargs: dict[str, Any]) -> None:
        sampler: Any = loader.sampler
        if hasattr(sampler, 'endless'):  # as it is otherwise
            sampler.endless = False
            sampler.set_epoch(self.epoch)
        self.mode, self.data_loader = mode, loader
        self.call_hook(f'before_{mode}_epoch')
        for self._inner_iter, self.data_batch in enumerate(loader):
            self.call_hook(f'before_{mode}_iter')
            self.run_iter(self.data_batch, train_mode=mode == 'train', **kwargs)
            self.call_hook(f'after_{mode}_iter')
            del self.data_batch  # before the next one is made
            self._iter += mode == 'train'
        self.call_hook(f'after_{mode}_epoch')

    @property
    def _done(self) -> int:
        return int(self.epoch)

    @property
    def _most(self) -> Optional[int]:
        return self._max_epochs

    def _prepare(
        self, data_loaders: Sequence[DataLoader], epoch_iters: int
    ) -> list[Any]:
        """Settle the number of iterations, which mmcv's schedules read."""
        self._max_iters = self._max_epochs * epoch_iters
        return super()._prepare(data_loaders, epoch_iters)

    def _continue(self, checkpoint: str, meta: Meta) -> None:
        self._epoch, self._iter = meta['epoch'], meta['iter']
        self.logger.info(f'resumed from {checkpoint} at epoch {self._epoch + 1}')


class _Passes(IterLoader):
    """mmcv's endless loader, which sleeps for two seconds after each pass."""

    iter_loader: Iterator[Any]

    def __next__(self) -> Any:
        try:
            return next(self.iter_loader)
        except StopIteration:
            self._epoch += 1
            if hasattr(self._dataloader.sampler, 'set_epoch'):
                self._dataloader.sampler.set_epoch(self._epoch)
            self.iter_loader = iter(self._dataloader)
            return next(self.iter_loader)
