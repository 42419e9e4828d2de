import copy
from typing import Any, Optional

import torch
from mmcv.runner import HOOKS, BaseRunner, CheckpointHook, EvalHook, Hook, get_dist_info
from torch import distributed

_KEY = 'replaced_images'  # among a checkpoint's hook_msgs


@HOOKS.register_module()
class ReplacedImagesHook(Hook):
    """Report how many images of a run were others in the place of unreadable ones.

    The count is worked out from the order of drawing: images that workers have read
    ahead are not in it, and the number of workers changes nothing. It is in every
    checkpoint, so that a resumed run goes on with it. Training with ``on_error='skip'``
    brings this hook along, and has it count before a checkpoint is written.

    Args:
        interval: iterations between reports; there is one at the end in any case, and
            none while there is nothing to say.
    """

    def __init__(self, interval: int = 100) -> None:
        self.interval = interval
        self.replaced = 0
        self._files: set[int] = set()  # indices into the data set
        self._next: Optional[int] = None

    def before_run(self, runner: BaseRunner) -> None:
        counted = (runner.meta or {}).get('hook_msgs', {}).get(_KEY)
        if counted is not None:
            self.replaced, self._files = _check_counted(counted)

    def before_train_iter(self, runner: BaseRunner) -> None:
        if self._next is None:
            self._next = runner.iter

    def after_train_iter(self, runner: BaseRunner) -> None:
        # The loader is no longer known after the run.
        reports = self.every_n_iters(runner, self.interval) or self._is_last(runner)
        if reports or any(self._saves(hook, runner) for hook in runner.hooks):
            dataset = self._count(runner)
            if reports and self.replaced:
                self._report(runner, dataset)

    def _is_last(self, runner: BaseRunner) -> bool:
        return runner.max_iters is not None and runner.iter + 1 >= runner.max_iters

    def _saves(self, hook: Hook, runner: BaseRunner) -> bool:
        """Tell whether a hook may write a checkpoint after this iteration."""
        if isinstance(hook, CheckpointHook):
            return not hook.by_epoch and self.every_n_iters(runner, hook.interval)
        if isinstance(hook, EvalHook):
            return bool(hook.save_best) and hook._should_evaluate(runner)
        return False

    def _count(self, runner: BaseRunner) -> Any:
        """Count the draws since the last count; returns the data set."""
        loader = getattr(runner.data_loader, '_dataloader', runner.data_loader)
        dataset, sampler = loader.dataset, loader.sampler
        assert self._next is not None
        draws = range(
            self._next * sampler.samples_per_replica,
            (runner.iter + 1) * sampler.samples_per_replica,
        )
        self._next = runner.iter + 1
        # An order of our own: going back in the loader's would cost it its place.
        again = copy.copy(sampler)
        again.reseed(sampler.seed)
        lost = [i for i in map(int, map(again._draw, draws)) if i in dataset.unreadable]
        count, files = torch.tensor(len(lost)), torch.zeros(len(dataset)).byte()
        files[lost] = 1  # not what workers have met ahead
        if get_dist_info()[1] > 1:
            device = next(runner.model.parameters()).device
            count, files = count.to(device), files.to(device)
            distributed.all_reduce(count)
            # Several ranks may have met the same file.
            distributed.all_reduce(files, distributed.ReduceOp.MAX)
        self.replaced += int(count)
        self._files.update(files.nonzero().flatten().tolist())
        if self.replaced and runner.meta is not None:
            counted = {'count': self.replaced, 'files': sorted(self._files)}
            runner.meta.setdefault('hook_msgs', {})[_KEY] = counted
        return dataset

    def _report(self, runner: BaseRunner, dataset: Any) -> None:
        # Of a resumed run whose annotation file has become shorter, none may be left.
        known = [i for i in sorted(self._files) if i < len(dataset)]
        name = dataset.data_infos[known[0]]['img_info']['filename'] if known else '?'
        runner.logger.warning(
            f'{self.replaced} images of this run could not be read and were '
            f'replaced by others of their class ({len(self._files)} files, such as '
            f'{name}). tools/check.py lists them.'
        )


def _check_counted(counted: Any) -> tuple[int, set[int]]:
    """Return count and files as a checkpoint says them, that is, as anyone may."""
    counted = counted if isinstance(counted, dict) else {}
    count: Any = counted.get('count')
    files: Any = counted.get('files')
    whole = isinstance(files, list) and all(
        type(number) is int and number >= 0 for number in [count, *files]
    )
    if not whole:
        raise ValueError(
            f"the checkpoint's hook_msgs hold {_KEY} that no run has counted. Start a "
            'new run from its weights with load_from.'
        )
    return count, set(files)
