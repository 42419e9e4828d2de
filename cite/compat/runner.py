"""mmcv's ``IterBasedRunner.resume`` goes wrong in four ways.

It asks for the current CUDA device on a CPU too; it repeats the last iteration, since
checkpoints are written before the iteration is counted; the data start over; and the
best score is forgotten, so that a worse checkpoint takes the best one's place. Ours
goes on with the iteration, the images and the seed that an unbroken run would have.
"""

from typing import Any, Callable, Union

from mmcv.runner import IterBasedRunner
from torch.utils.data import DataLoader

from cite.core.hooks import ClassCountHook, ReplacedImagesHook
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
        ValueError: the checkpoint holds weights alone, or those of another model.
    """
    loaded = self.load_checkpoint(checkpoint, map_location='cpu', strict=True)
    meta = loaded.get('meta', {})
    if 'iter' not in meta:
        raise ValueError(
            f'{checkpoint} does not say at which iteration it was written, so a run '
            'cannot go on from it. Start a new run from its weights with load_from.'
        )
    self._epoch = meta['epoch']
    self._iter = self._inner_iter = meta['iter'] + 1
    _take_over(self, meta)
    if resume_optimizer and 'optimizer' in loaded:
        _load_optimizer(self.optimizer, loaded['optimizer'])
    if self._iter >= self._max_iters:
        self.logger.info(f'{checkpoint} is of a finished run: nothing is left to train')
        return
    self.logger.info(f'resumed from {checkpoint} at iteration {self._iter + 1}')


def _take_over(runner: IterBasedRunner, meta: dict[str, Any]) -> None:
    """Let later checkpoints say what the one resumed from said."""
    runner.meta = {} if runner.meta is None else runner.meta
    runner.meta.setdefault('hook_msgs', {}).update(meta.get('hook_msgs', {}))
    if meta.get('seed') is not None:
        runner.meta['seed'] = meta['seed']


def _load_optimizer(optimizer: Any, state: dict[str, Any]) -> None:
    if not isinstance(optimizer, dict):
        optimizer.load_state_dict(state)
        return
    for name, part in optimizer.items():
        part.load_state_dict(state[name])


def run(
    self: IterBasedRunner,
    data_loaders: list[DataLoader],
    workflow: list[Any],
    *args: Any,
    **kwargs: Any,
) -> None:
    """Run as mmcv does, with each sampler at the place where the run stands."""
    _register_ours(self, data_loaders)
    for loader in data_loaders:
        sampler = loader.sampler
        if isinstance(sampler, BalancedSampler):
            sampler.start = self.iter * sampler.samples_per_replica
            seed = (self.meta or {}).get('seed')
            if seed is not None and seed != sampler.seed:
                self.logger.info(f"images are drawn with the resumed run's seed {seed}")
                sampler.reseed(seed)
    _run(self, data_loaders, workflow, *args, **kwargs)


def _register_ours(runner: IterBasedRunner, data_loaders: list[DataLoader]) -> None:
    """Register hooks that no released config names; one named there counts."""
    if not _has(runner, ClassCountHook):
        runner.register_hook(ClassCountHook())
    skipping = any(
        getattr(loader.dataset, 'on_error', None) == 'skip' for loader in data_loaders
    )
    # A count of replaced images that nobody asked for would be lost.
    if skipping and not _has(runner, ReplacedImagesHook):
        runner.register_hook(ReplacedImagesHook(), priority='VERY_LOW')


def _has(runner: IterBasedRunner, kind: type) -> bool:
    return any(isinstance(hook, kind) for hook in runner.hooks)
