"""mmcv's ``IterBasedRunner.resume`` goes wrong in three ways.

It asks for the current CUDA device on a CPU too; it repeats the last iteration, since
checkpoints are written before the iteration is counted; and the data start over. Ours
goes on with the iteration, the images and the seed that an unbroken run would have.
"""

from typing import Any, Callable, Dict, List, Union

from mmcv.runner import IterBasedRunner
from torch.utils.data import DataLoader

from cite.datasets.samplers import BalancedSampler

_run = IterBasedRunner.run


def install() -> None:
    """Replace ``resume`` and wrap ``run`` of mmcv's iteration-based runner."""
    IterBasedRunner.resume = resume
    IterBasedRunner.run = run


def resume(
    self: IterBasedRunner,
    checkpoint: str,
    resume_optimizer: bool = True,
    map_location: Union[str, Callable] = 'default',
) -> None:
    """Go on after a checkpoint.

    Args:
        self: the runner.
        checkpoint: path of a checkpoint written in training.
        resume_optimizer: load the optimizer's state too.
        map_location: unused: checkpoints are read onto the CPU and copied from there.

    Raises:
        ValueError: the checkpoint holds weights alone.
    """
    loaded = self.load_checkpoint(checkpoint, map_location='cpu')
    meta = loaded.get('meta', {})
    if 'iter' not in meta:
        raise ValueError(
            f'{checkpoint} does not say at which iteration it was written, so a run '
            'cannot go on from it. Start a new run from its weights with load_from.'
        )
    self._epoch = meta['epoch']
    self._iter = self._inner_iter = meta['iter'] + 1
    self._resumed_seed = meta.get('seed')
    if resume_optimizer and 'optimizer' in loaded:
        _load_optimizer(self.optimizer, loaded['optimizer'])
    self.logger.info(f'resumed from {checkpoint} at iteration {self._iter + 1}')


def _load_optimizer(optimizer: Any, state: Dict[str, Any]) -> None:
    if not isinstance(optimizer, dict):
        optimizer.load_state_dict(state)
        return
    for name, part in optimizer.items():
        part.load_state_dict(state[name])


def run(
    self: IterBasedRunner,
    data_loaders: List[DataLoader],
    workflow: List[Any],
    *args: Any,
    **kwargs: Any,
) -> None:
    """Run as mmcv does, with each sampler at the place where the run stands."""
    for loader in data_loaders:
        sampler = loader.sampler
        if isinstance(sampler, BalancedSampler):
            sampler.start = self.iter * sampler.samples_per_replica
            seed = getattr(self, '_resumed_seed', None)
            if seed is not None and seed != sampler.seed:
                self.logger.info(f'images are drawn with the resumed run\'s seed {seed}')
                sampler.reseed(seed)
    _run(self, data_loaders, workflow, *args, **kwargs)
