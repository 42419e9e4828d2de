from typing import Any

from mmcv.runner import RUNNERS
from mmcv.runner import EpochBasedRunner as _EpochBasedRunner
from torch.utils.data import DataLoader

from .exact_runner import ExactRunner


# 'Runner' is mmcv's old name for it.
@RUNNERS.register_module(name=['EpochBasedRunner', 'Runner'], force=True)
class EpochBasedRunner(ExactRunner, _EpochBasedRunner):
    """mmcv's runner of epochs: checkpoints are whole, resuming is exact.

    >>> runner = dict(type='EpochBasedRunner', max_epochs=10)  # in a config
    """

    filename_tmpl = 'epoch_{}.pth'

    @property
    def _done(self) -> int:
        return int(self.epoch)

    def resume(
        self, checkpoint: str, resume_optimizer: bool = True, map_location: Any = None
    ) -> None:
        """Continue after the epoch at whose end a checkpoint was written.

        Arguments and errors are those of ``IterBasedRunner.resume``.
        """
        meta = self._load(checkpoint, resume_optimizer)
        self._epoch, self._iter = meta['epoch'], meta['iter']
        self.logger.info(f'resumed from {checkpoint} at epoch {self._epoch + 1}')

    def run(
        self,
        data_loaders: list[DataLoader],
        workflow: list[Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Run as mmcv does, with the seed of a resumed run."""
        self._prepare(data_loaders)
        super().run(data_loaders, workflow, *args, **kwargs)

    def train(self, data_loader: DataLoader, **kwargs: Any) -> None:
        """Train for an epoch: one pass of a sampler that is endless otherwise."""
        sampler: Any = data_loader.sampler
        if hasattr(sampler, 'endless'):
            sampler.endless = False
            sampler.set_epoch(self.epoch)
        super().train(data_loader, **kwargs)
