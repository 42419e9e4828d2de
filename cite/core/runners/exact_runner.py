"""Whole checkpoints and exact resuming, for runs of iterations and of epochs.

mmcv's runners go wrong in several ways when they resume. ``IterBasedRunner`` asks for
the current CUDA device on a CPU too; it repeats the last iteration, because checkpoints
are written before the iteration is counted; the data start over; and the best score is
forgotten, so that a worse checkpoint replaces the best one. ``EpochBasedRunner`` runs
the config that a checkpoint carries, a Python program written by anyone, and keeps the
seed of the new start. Ours continue with the iteration, the images and the seed of an
unbroken run, and run nothing from the file.
"""

import os.path as osp
from collections.abc import Sequence
from typing import Any, Optional

import mmcv.runner
from mmcv.runner import BaseRunner, EMAHook, EvalHook, Hook, get_priority
from torch.utils.data import DataLoader

from cite.core.files.write_whole import naming
from cite.core.hooks import ReplacedImagesHook
from cite.core.hooks.ema_hook import PREFIX

from . import resuming
from .resuming import Meta
from .work_dir import link, save_checkpoint
from .workflow import check_workflow, log_start

# A priority just before mmcv's CheckpointHook and its best checkpoint.
_BEFORE_CHECKPOINT = get_priority('NORMAL') - 1


class ExactRunner(BaseRunner):
    """Mix-in in front of a runner of mmcv.

    A subclass has ``_done``, the number of iterations or epochs before the current one,
    ``_most``, the number after which the run ends, and ``_continue(checkpoint, meta)``,
    which sets the place in the run.
    """

    meta: Optional[Meta]
    resumed_averages: Optional[Meta] = None

    def load_checkpoint(
        self,
        filename: str,
        map_location: Any = 'cpu',
        strict: bool = False,
        revise_keys: Sequence[tuple[str, str]] = ((r'^module\.', ''),),
    ) -> Any:
        """Load weights as ``mmcv.runner.load_checkpoint`` does, which is ours."""
        return mmcv.runner.load_checkpoint(
            self.model, filename, map_location, strict, self.logger, list(revise_keys)
        )

    def save_checkpoint(
        self,
        out_dir: str,
        filename_tmpl: Optional[str] = None,
        save_optimizer: bool = True,
        meta: Optional[Meta] = None,
        create_symlink: bool = True,
    ) -> None:
        """Write a checkpoint whole, then let ``latest.pth`` point to it.

        The arguments are mmcv's.

        Raises:
            OSError: the file cannot be written; earlier checkpoints are whole.
            FloatingPointError: a trained weight is not finite.
        """
        name = (filename_tmpl or self.filename_tmpl).format(self._done + 1)
        place = {'epoch': self.epoch + 1, 'iter': self.iter}
        meta = {**(meta or {}), **(self.meta or {}), **place}
        optimizer = self.optimizer if save_optimizer else None
        path = osp.join(out_dir, name)
        save_checkpoint(self.model, path, optimizer=optimizer, meta=meta)
        if create_symlink:
            link(name, osp.join(out_dir, 'latest.pth'))

    def register_hook(self, hook: Hook, priority: Any = 'NORMAL') -> None:
        """Register a hook; one that writes into checkpoints acts before they are."""
        if isinstance(hook, (EMAHook, ReplacedImagesHook)):
            priority = min(get_priority(priority), _BEFORE_CHECKPOINT)
        super().register_hook(hook, priority)

    def resume(
        self, checkpoint: str, resume_optimizer: bool = True, map_location: Any = None
    ) -> None:
        """Continue after the iteration or epoch at which a checkpoint was written.

        The arguments are mmcv's; ``map_location`` is unused, because checkpoints are
        read onto the CPU.

        Raises:
            ValueError: the checkpoint holds weights alone, or those of another model.
        """
        loaded = self.load_checkpoint(checkpoint, strict=True)
        meta = resuming.check_meta(checkpoint, loaded.get('meta'))
        self._take_over(meta)
        if resume_optimizer and 'optimizer' in loaded:
            resuming.load_optimizer(self.optimizer, loaded['optimizer'], checkpoint)
        elif resume_optimizer:
            resuming.warn_of_optimizer(self, checkpoint)
        weights = loaded['state_dict'].items()
        self.resumed_averages = {k: v for k, v in weights if k.startswith(PREFIX)}
        self._continue(checkpoint, meta)

    def run(
        self,
        data_loaders: Sequence[DataLoader],
        workflow: Sequence[tuple[str, int]],
        **kwargs: Any,
    ) -> None:
        """Run as mmcv does, with the seed and the place of a resumed run.

        mmcv sleeps for two seconds before each epoch and for one at a run's end; here
        nothing has to be waited for.

        Args:
            data_loaders: one for each entry of ``workflow``.
            workflow: pairs of ``'train'`` or ``'val'``, and how many iterations or
                epochs of it come before the next.
            **kwargs: for the model's ``train_step`` and ``val_step``.

        Raises:
            ValueError: the workflow has another mode or does not train, or the runner
                was not told when to end.
        """
        check_workflow(workflow, data_loaders, self._most)
        train = [mode for mode, _ in workflow].index('train')
        self._prepare(data_loaders, len(data_loaders[train]))
        try:
            with naming(self.work_dir):  # mmcv's logs on a full disk
                log_start(self, workflow, self._most)
                self.call_hook('before_run')
                self._run_all(data_loaders, workflow, kwargs)
                self.call_hook('after_run')
        finally:
            self._end_workers(data_loaders)

    def _run_all(
        self,
        data_loaders: Sequence[Any],
        workflow: Sequence[tuple[str, int]],
        kwargs: dict[str, Any],
    ) -> None:
        while self._done < self._most:
            for loader, (mode, times) in zip(data_loaders, workflow):
                self._inner_iter = 0
                for _ in range(times):
                    if mode == 'train' and self._done >= self._most:
                        break
                    getattr(self, mode)(loader, **kwargs)

    def _end_workers(self, data_loaders: Sequence[DataLoader]) -> None:
        """End the processes that load now.

        The garbage collector would wait for each, later and for five seconds, because
        it takes the queue first by which the process is told to end.
        """
        self.data_loader: Any = None
        hooks = [hook for hook in self.hooks if isinstance(hook, EvalHook)]
        for loader in (*data_loaders, *(hook.dataloader for hook in hooks)):
            loader._iterator = None

    def _take_over(self, meta: Meta) -> None:
        """Let later checkpoints note what the one resumed from noted."""
        self.meta = {} if self.meta is None else self.meta
        self.meta.setdefault('hook_msgs', {}).update(meta.get('hook_msgs', {}))
        for key in ('seed', 'seeding', 'fp16'):  # fp16: the scale of the loss
            if meta.get(key) is not None:
                self.meta[key] = meta[key]

    def _prepare(
        self, data_loaders: Sequence[DataLoader], epoch_iters: int
    ) -> list[Any]:
        """Settle what mmcv's hooks settle late; return the samplers with a seed."""
        for hook in self.hooks:
            if isinstance(hook, EMAHook) and hook.checkpoint is not None:
                self.resume(hook.checkpoint)  # the hook's own way to resume a run
                hook.checkpoint = None
            if isinstance(hook, EvalHook) and self.iter:
                # Otherwise the hook evaluates once more, one iteration late.
                hook.initial_flag = False
        resuming.warn_of_start(self, epoch_iters)
        samplers: list[Any] = [loader.sampler for loader in data_loaders]
        seeded = [sampler for sampler in samplers if hasattr(sampler, 'reseed')]
        self.meta = {} if self.meta is None else self.meta
        resuming.settle_seeding(self, data_loaders)
        seed = self.meta.get('seed')
        for sampler in seeded:
            if seed is not None and seed != sampler.seed:
                self.logger.info(f"images are drawn with the resumed run's seed {seed}")
                sampler.reseed(seed)
        return seeded
