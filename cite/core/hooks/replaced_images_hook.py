import copy

import torch
from mmcv.runner import HOOKS, BaseRunner, Hook, get_dist_info
from torch import distributed


@HOOKS.register_module()
class ReplacedImagesHook(Hook):
    """Report how many images of a run were others in the place of unreadable ones.

    The count is worked out from the order of drawing: images that workers have read
    ahead are not in it, and the number of workers changes nothing. Training with
    ``on_error='skip'`` brings this hook along.

    Args:
        interval: iterations between reports; there is one at the end in any case, and
            none while there is nothing to say.
    """

    def __init__(self, interval: int = 100) -> None:
        self.interval = interval
        self.replaced = 0
        self._next = None

    def before_train_iter(self, runner: BaseRunner) -> None:
        if self._next is None:
            self._next = runner.iter

    def after_train_iter(self, runner: BaseRunner) -> None:
        # The loader is no longer known after the run.
        if self.every_n_iters(runner, self.interval) or self._is_last(runner):
            self._report(runner)

    def _is_last(self, runner: BaseRunner) -> bool:
        return runner.max_iters is not None and runner.iter + 1 >= runner.max_iters

    def _report(self, runner: BaseRunner) -> None:
        loader = getattr(runner.data_loader, '_dataloader', runner.data_loader)
        dataset, sampler = loader.dataset, loader.sampler
        draws = range(
            self._next * sampler.samples_per_replica,
            (runner.iter + 1) * sampler.samples_per_replica,
        )
        self._next = runner.iter + 1
        # An order of our own: going back in the loader's would cost it its place.
        again = copy.copy(sampler)
        again.reseed(sampler.seed)
        new = torch.tensor(sum(again._draw(i) in dataset.unreadable for i in draws))
        marks = dataset.unreadable.marks()
        if get_dist_info()[1] > 1:
            device = next(runner.model.parameters()).device
            new, marks = new.to(device), marks.to(device)
            distributed.all_reduce(new)
            # Several ranks may have met the same file.
            distributed.all_reduce(marks, distributed.ReduceOp.MAX)
        files = marks.nonzero().flatten().tolist()
        self.replaced += int(new)
        if self.replaced:
            name = dataset.data_infos[files[0]]['img_info']['filename']
            runner.logger.warning(
                f'{self.replaced} images of this run could not be read and were '
                f'replaced by others of their class ({len(files)} files, such as '
                f'{name}). tools/check.py lists them.'
            )
