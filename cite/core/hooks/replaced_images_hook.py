import copy
from itertools import islice
from typing import Any, Optional

import torch
from mmcv.runner import HOOKS, BaseRunner, CheckpointHook, EvalHook, Hook, get_dist_info
from torch import Tensor, distributed

_KEY = 'replaced_images'  # among a checkpoint's hook_msgs


@HOOKS.register_module()
class ReplacedImagesHook(Hook):
    """Report how many unreadable images of a run were replaced by others.

    The count is computed from the order of drawing and does not depend on the number of
    workers. Every checkpoint holds it, and a resumed run continues it. Training by
    iterations with ``on_error='skip'`` includes this hook; list it to change it::

        data = dict(train=dict(type='PatchGastricCls3', on_error='skip', ...))
        custom_hooks = [dict(type='ReplacedImagesHook', interval=500)]

    Args:
        interval: iterations between reports, if any image has been replaced.
    """

    def __init__(self, interval: int = 100) -> None:
        self.interval = interval
        self.replaced = 0
        self._files: set[int] = set()  # indices into the data set
        self._next: Optional[int] = None  # first iteration that is not counted yet

    def before_run(self, runner: BaseRunner) -> None:
        saved = (runner.meta or {}).get('hook_msgs', {}).get(_KEY)
        if saved is not None:
            self.replaced, self._files = _check_saved(saved)

    def before_train_iter(self, runner: BaseRunner) -> None:
        if self._next is None:
            self._next = runner.iter

    def after_train_iter(self, runner: BaseRunner) -> None:
        # Not after the run, because the runner has no loader any more.
        reports = self.every_n_iters(runner, self.interval) or self.is_last_iter(runner)
        if reports or any(self._saves(hook, runner) for hook in runner.hooks):
            loader = getattr(runner.data_loader, '_dataloader', runner.data_loader)
            self._count(runner, loader)
            if reports and self.replaced:
                self._report(runner, loader.dataset)

    def _saves(self, hook: Hook, runner: BaseRunner) -> bool:
        """Tell whether a hook may write a checkpoint after this iteration."""
        if isinstance(hook, CheckpointHook):
            return not hook.by_epoch and self.every_n_iters(runner, hook.interval)
        if isinstance(hook, EvalHook):
            return bool(hook.save_best) and hook._should_evaluate(runner)
        return False

    def _count(self, runner: BaseRunner, loader: Any) -> None:
        """Add the draws since the last count, and note the sum for checkpoints."""
        assert self._next is not None
        unreadable = loader.dataset.unreadable
        draws = _draws(loader.sampler, self._next, runner.iter + 1)
        self._next = runner.iter + 1
        indices = [i for i in draws if i in unreadable]
        count = torch.tensor(len(indices))
        files = torch.zeros(len(loader.dataset)).byte()
        files[indices] = 1  # leaves out files that workers have met ahead
        if get_dist_info()[1] > 1:
            count, files = _reduce(count, files, runner)
        self.replaced += int(count)
        self._files.update(files.nonzero().flatten().tolist())
        if self.replaced and runner.meta is not None:
            saved = {'count': self.replaced, 'files': sorted(self._files)}
            runner.meta.setdefault('hook_msgs', {})[_KEY] = saved

    def _report(self, runner: BaseRunner, dataset: Any) -> None:
        # The annotation file may have shrunk since the checkpoint.
        present = [i for i in self._files if i < len(dataset)]
        info = dataset.data_infos[min(present)] if present else None
        name = info['img_info']['filename'] if info else '?'
        runner.logger.warning(
            f'{self.replaced} images of this run could not be read and were '
            f'replaced by others of their class ({len(self._files)} files, such as '
            f'{name}). `cite check` lists them.'
        )


def _draws(sampler: Any, first: int, end: int) -> list[int]:
    """Return the images of this rank's iterations from ``first`` to before ``end``."""
    # A copy with its own order: going back in the loader's order would lose its place.
    again = copy.copy(sampler)
    again.reseed(sampler.seed)
    again.start, again.endless = first * sampler.samples_per_replica, True
    return list(map(int, islice(again, (end - first) * sampler.samples_per_replica)))


def _reduce(count: Tensor, files: Tensor, runner: BaseRunner) -> tuple[Tensor, Tensor]:
    """Sum counts over the ranks, and unite their files, which several may have met."""
    device = next(runner.model.parameters()).device
    count, files = count.to(device), files.to(device)
    distributed.all_reduce(count)
    distributed.all_reduce(files, distributed.ReduceOp.MAX)
    return count, files


def _check_saved(saved: Any) -> tuple[int, set[int]]:
    """Return count and files from a checkpoint, which may hold anything."""
    saved = saved if isinstance(saved, dict) else {}
    count, files = saved.get('count'), saved.get('files')
    numbers = [count, *files] if isinstance(files, list) else [None]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(
            f"the checkpoint's hook_msgs hold {_KEY} that this hook did not write. "
            'Start a new run from its weights with load_from.'
        )
    return count, set(files)
