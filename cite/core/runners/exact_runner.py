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

from cite.core.hooks import ReplacedImagesHook
from cite.core.hooks.ema_hook import PREFIX

from .resuming import check_meta, check_optimizer, warn_of_optimizer, warn_of_start
from .whole_checkpoint import link, save_checkpoint

# A priority just before mmcv's CheckpointHook and its best checkpoint.
_BEFORE_CHECKPOINT = get_priority('NORMAL') - 1


class ExactRunner(BaseRunner):
    """Mix-in in front of a runner of mmcv.

    Subclasses say what they count: ``_done`` iterations or epochs before the current
    one.
    """

    meta: Optional[dict[str, Any]]
    resumed_averages: Optional[dict[str, Any]] = None

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
        meta: Optional[dict[str, Any]] = None,
        create_symlink: bool = True,
    ) -> None:
        """Write a checkpoint whole, then let ``latest.pth`` point to it.

        Args:
            out_dir: folder of the checkpoint.
            filename_tmpl: name with a place for the iteration or epoch.
            save_optimizer: include the optimizer's state.
            meta: what the checkpoint notes besides the runner's own ``meta``.
            create_symlink: make ``latest.pth``.

        Raises:
            OSError: the file cannot be written; earlier checkpoints are whole.
            FloatingPointError: a trained weight is not finite.
        """
        name = (filename_tmpl or self.filename_tmpl).format(self._done + 1)
        save_checkpoint(
            self.model,
            osp.join(out_dir, name),
            optimizer=self.optimizer if save_optimizer else None,
            meta={
                **(meta or {}),
                **(self.meta or {}),
                'epoch': self.epoch + 1,
                'iter': self.iter,
            },
        )
        if create_symlink:
            link(name, osp.join(out_dir, 'latest.pth'))

    def register_hook(self, hook: Hook, priority: Any = 'NORMAL') -> None:
        """Register a hook; one that writes into checkpoints acts before they are."""
        if isinstance(hook, (EMAHook, ReplacedImagesHook)):
            priority = min(get_priority(priority), _BEFORE_CHECKPOINT)
        super().register_hook(hook, priority)

    def _load(self, checkpoint: str, resume_optimizer: bool) -> dict[str, Any]:
        """Load weights, optimizer and messages; return the checkpoint's meta.

        Raises:
            ValueError: the checkpoint holds weights alone, or those of another model.
        """
        loaded = self.load_checkpoint(checkpoint, strict=True)
        meta = loaded.get('meta')
        if not isinstance(meta, dict) or 'iter' not in meta:
            raise ValueError(
                f'{checkpoint} does not say at which iteration it was written, so no '
                'run can be resumed from it. Start a new run from its weights with '
                'load_from.'
            )
        meta = {'epoch': 0, **meta}
        check_meta(checkpoint, meta)
        self._take_over(meta)
        if resume_optimizer and 'optimizer' in loaded:
            _load_optimizer(self.optimizer, loaded['optimizer'], checkpoint)
        elif resume_optimizer:
            warn_of_optimizer(self, checkpoint)
        self.resumed_averages = {
            name: value
            for name, value in loaded['state_dict'].items()
            if name.startswith(PREFIX)
        }
        return meta

    def _take_over(self, meta: dict[str, Any]) -> None:
        """Let later checkpoints note what the one resumed from noted."""
        self.meta = {} if self.meta is None else self.meta
        self.meta.setdefault('hook_msgs', {}).update(meta.get('hook_msgs', {}))
        for key in ('seed', 'fp16'):  # fp16: the scale of the loss
            if meta.get(key) is not None:
                self.meta[key] = meta[key]

    def _prepare(self, data_loaders: list[DataLoader]) -> list[Any]:
        """Settle, before the run, what mmcv's hooks settle at its start.

        Returns:
            The samplers whose order depends on the seed alone, with the run's seed.
        """
        for hook in self.hooks:
            if isinstance(hook, EMAHook) and hook.checkpoint is not None:
                self.resume(hook.checkpoint)  # the hook's own way to resume a run
                hook.checkpoint = None
            if isinstance(hook, EvalHook) and self.iter:
                # Otherwise the hook evaluates once more, one iteration late.
                hook.initial_flag = False
        warn_of_start(self, len(data_loaders[0]))
        return self._seeded_samplers(data_loaders)

    def _seeded_samplers(self, data_loaders: list[DataLoader]) -> list[Any]:
        samplers: list[Any] = [loader.sampler for loader in data_loaders]
        seeded = [sampler for sampler in samplers if hasattr(sampler, 'reseed')]
        seed = (self.meta or {}).get('seed')
        for sampler in seeded:
            if seed is not None and seed != sampler.seed:
                self.logger.info(f"images are drawn with the resumed run's seed {seed}")
                sampler.reseed(seed)
        return seeded


def _load_optimizer(optimizer: Any, state: Any, checkpoint: str) -> None:
    if isinstance(optimizer, dict):
        saved = state if isinstance(state, dict) else {}
        for name, part in optimizer.items():
            _load_optimizer(part, saved.get(name), checkpoint)
        return
    check_optimizer(optimizer, state, checkpoint)
    optimizer.load_state_dict(state)
