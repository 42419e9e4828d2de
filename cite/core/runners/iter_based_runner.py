from typing import Any

from mmcv.runner import RUNNERS
from mmcv.runner import IterBasedRunner as _IterBasedRunner
from torch.utils.data import DataLoader

from .exact_runner import ExactRunner
from .resuming import warn_of_order


@RUNNERS.register_module(name='IterBasedRunner', force=True)
class IterBasedRunner(ExactRunner, _IterBasedRunner):
    """mmcv's runner of iterations: checkpoints are whole, resuming is exact.

    >>> runner = dict(type='IterBasedRunner', max_iters=1000)  # in a config
    """

    filename_tmpl = 'iter_{}.pth'

    @property
    def _done(self) -> int:
        return int(self.iter)

    def resume(
        self, checkpoint: str, resume_optimizer: bool = True, map_location: Any = None
    ) -> None:
        """Continue after the iteration at which a checkpoint was written.

        Args:
            checkpoint: path of a checkpoint written in training.
            resume_optimizer: load the optimizer's state too.
            map_location: unused: checkpoints are read onto the CPU and copied from
                there.

        Raises:
            ValueError: the checkpoint holds weights alone, or those of another model.
        """
        meta = self._load(checkpoint, resume_optimizer)
        self._epoch = meta['epoch']
        self._iter = self._inner_iter = meta['iter'] + 1
        if self._iter >= self._max_iters:
            self.logger.info(
                f'{checkpoint} is from a finished run: nothing is left to train'
            )
            return
        self.logger.info(f'resumed from {checkpoint} at iteration {self._iter + 1}')

    def run(
        self,
        data_loaders: list[DataLoader],
        workflow: list[Any],
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Run as mmcv does, with each sampler at the place that the run has reached."""
        samplers = self._prepare(data_loaders)
        warn_of_order(self, data_loaders)
        for sampler in samplers:
            sampler.start = self.iter * sampler.samples_per_replica
        super().run(data_loaders, workflow, *args, **kwargs)
