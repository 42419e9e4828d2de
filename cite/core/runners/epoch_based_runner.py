from typing import Any

import mmcv.runner
from mmcv.runner import RUNNERS
from torch.utils.data import DataLoader

from .exact_runner import ExactRunner, Meta


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
