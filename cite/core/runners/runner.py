"""mmcv's runners go wrong in several ways when they resume.

``IterBasedRunner`` asks for the current CUDA device on a CPU too; it repeats the last
iteration, since checkpoints are written before the iteration is counted; the data start
over; and the best score is forgotten, so that a worse checkpoint takes the best one's
place. ``EpochBasedRunner`` runs the config that a checkpoint carries, a Python program
of whoever made the file, and keeps the seed of the new start. Ours go on with the
iteration, the images and the seed that an unbroken run would have, and run nothing.
"""

from typing import Any, Callable, Union

from mmcv.runner import (
    BaseRunner,
    EMAHook,
    EpochBasedRunner,
    EvalHook,
    Hook,
    IterBasedRunner,
    get_priority,
)
from torch.utils.data import DataLoader

from cite.core.hooks import ClassCountHook, ReplacedImagesHook
from cite.core.hooks.ema_hook import PREFIX
from cite.datasets.samplers import BalancedSampler

from .resuming import (
    check_meta,
    check_optimizer,
    warn_of_optimizer,
    warn_of_order,
    warn_of_start,
)

# Of a hook that comes before mmcv's CheckpointHook and its best checkpoint.
_BEFORE_CHECKPOINT = get_priority('NORMAL') - 1
_run = IterBasedRunner.run
_run_epochs = EpochBasedRunner.run


def install() -> None:
    """Replace ``resume`` and wrap ``run`` of mmcv's runners."""
    BaseRunner.resume = resume_epochs
    EpochBasedRunner.run = run_epochs
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
    meta = _load(self, checkpoint, resume_optimizer)
    self._epoch = meta['epoch']
    self._iter = self._inner_iter = meta['iter'] + 1
    if self._iter >= self._max_iters:
        self.logger.info(f'{checkpoint} is of a finished run: nothing is left to train')
        return
    self.logger.info(f'resumed from {checkpoint} at iteration {self._iter + 1}')


def resume_epochs(
    self: BaseRunner,
    checkpoint: str,
    resume_optimizer: bool = True,
    map_location: Union[str, Callable] = 'default',
) -> None:
    """Go on after a checkpoint that was written at the end of an epoch.

    Arguments and errors are those of :func:`resume`.
    """
    meta = _load(self, checkpoint, resume_optimizer)
    self._epoch, self._iter = meta['epoch'], meta['iter']
    self.logger.info(f'resumed from {checkpoint} at epoch {self._epoch + 1}')


def _load(
    runner: BaseRunner, checkpoint: str, resume_optimizer: bool
) -> dict[str, Any]:
    """Load weights, optimizer and messages, and return what a run goes on from."""
    loaded = runner.load_checkpoint(checkpoint, map_location='cpu', strict=True)
    meta = loaded.get('meta')
    if not isinstance(meta, dict) or 'iter' not in meta:
        raise ValueError(
            f'{checkpoint} does not say at which iteration it was written, so a run '
            'cannot go on from it. Start a new run from its weights with load_from.'
        )
    meta = {'epoch': 0, **meta}
    check_meta(checkpoint, meta)
    _take_over(runner, meta)
    if resume_optimizer and 'optimizer' in loaded:
        _load_optimizer(runner.optimizer, loaded['optimizer'], checkpoint)
    elif resume_optimizer:
        warn_of_optimizer(runner, checkpoint)
    runner.resumed_averages = {
        name: value
        for name, value in loaded['state_dict'].items()
        if name.startswith(PREFIX)
    }
    return meta


def _take_over(runner: BaseRunner, meta: dict[str, Any]) -> None:
    """Let later checkpoints say what the one resumed from said."""
    runner.meta = {} if runner.meta is None else runner.meta
    runner.meta.setdefault('hook_msgs', {}).update(meta.get('hook_msgs', {}))
    for key in ('seed', 'fp16'):  # fp16: the scale of the loss
        if meta.get(key) is not None:
            runner.meta[key] = meta[key]


def _load_optimizer(optimizer: Any, state: Any, checkpoint: str) -> None:
    if isinstance(optimizer, dict):
        saved = state if isinstance(state, dict) else {}
        for name, part in optimizer.items():
            _load_optimizer(part, saved.get(name), checkpoint)
        return
    check_optimizer(optimizer, state, checkpoint)
    optimizer.load_state_dict(state)


def run(
    self: IterBasedRunner,
    data_loaders: list[DataLoader],
    workflow: list[Any],
    *args: Any,
    **kwargs: Any,
) -> None:
    """Run as mmcv does, with each sampler at the place where the run stands."""
    _register_ours(self, data_loaders)
    _put_first(self, ReplacedImagesHook)
    _prepare(self, data_loaders)
    warn_of_order(self, data_loaders)
    for sampler in _seeded(self, data_loaders):
        sampler.start = self.iter * sampler.samples_per_replica
    _run(self, data_loaders, workflow, *args, **kwargs)


def run_epochs(
    self: EpochBasedRunner,
    data_loaders: list[DataLoader],
    workflow: list[Any],
    *args: Any,
    **kwargs: Any,
) -> None:
    """Run as mmcv does, with the seed of a resumed run."""
    _prepare(self, data_loaders)
    _seeded(self, data_loaders)
    _run_epochs(self, data_loaders, workflow, *args, **kwargs)


def _prepare(runner: BaseRunner, data_loaders: list[DataLoader]) -> None:
    """Have what mmcv's hooks do at a start done before the order of images is known."""
    _put_first(runner, EMAHook)
    for hook in runner.hooks:
        if isinstance(hook, EMAHook) and hook.checkpoint is not None:
            runner.resume(hook.checkpoint)  # its own way to resume a run
            hook.checkpoint = None
        if isinstance(hook, EvalHook) and runner.iter:
            # What was evaluated before is not again, as if of an iteration later.
            hook.initial_flag = False
    warn_of_start(runner, len(data_loaders[0]))


def _seeded(runner: BaseRunner, data_loaders: list[DataLoader]) -> list[Any]:
    """Return the samplers that are ours, with the seed of the run."""
    ours = [x.sampler for x in data_loaders if isinstance(x.sampler, BalancedSampler)]
    seed = (runner.meta or {}).get('seed')
    for sampler in ours:
        if seed is not None and seed != sampler.seed:
            runner.logger.info(f"images are drawn with the resumed run's seed {seed}")
            sampler.reseed(seed)
    return ours


def _register_ours(runner: IterBasedRunner, data_loaders: list[DataLoader]) -> None:
    """Register hooks that no released config names; one named there counts."""
    if not _has(runner, ClassCountHook):
        runner.register_hook(ClassCountHook())
    skipping = any(
        getattr(loader.dataset, 'on_error', None) == 'skip' for loader in data_loaders
    )
    # A count of replaced images that nobody asked for would be lost.
    if skipping and not _has(runner, ReplacedImagesHook):
        runner.register_hook(ReplacedImagesHook(), priority=_BEFORE_CHECKPOINT)


def _put_first(runner: BaseRunner, kind: type[Hook]) -> None:
    """Have a hook act before a checkpoint is written, which holds what it notes."""
    hooks = [hook for hook in runner.hooks if isinstance(hook, kind)]
    for hook in hooks:
        if get_priority(hook.priority) > _BEFORE_CHECKPOINT:
            runner.hooks.remove(hook)
            del hook.priority  # mmcv sets it
            runner.register_hook(hook, priority=_BEFORE_CHECKPOINT)


def _has(runner: IterBasedRunner, kind: type) -> bool:
    return any(isinstance(hook, kind) for hook in runner.hooks)
