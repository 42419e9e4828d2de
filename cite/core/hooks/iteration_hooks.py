"""Hooks that do one small thing at each iteration, or at the first."""

from typing import Any

import torch
from mmcv.runner import HOOKS, Hook

from cite.core.seeding import seed_all

# Last number of the key. The key of an image's augmentation, (seed, k), ends in zeros.
_TRAINING = 1


@HOOKS.register_module()
class RandomStateHook(Hook):
    """Seed Python, NumPy and torch before every iteration from seed, iteration, rank.

    Dropout and other random numbers of the model then depend only on the place in the
    run: a resumed run draws the same numbers as an unbroken one, although evaluations
    and data loaders have drawn in between. Training includes this hook::

        custom_hooks = [dict(type='RandomStateHook', priority='HIGHEST')]
    """

    def before_train_iter(self, runner: Any) -> None:
        seed = (runner.meta or {}).get('seed')
        if seed is None:
            return
        seed_all(seed, runner.iter, runner.rank, _TRAINING)
        if torch.cuda.is_initialized():
            # Only the GPU in use: seeding all of them would take longer.
            torch.cuda.manual_seed(torch.initial_seed())


@HOOKS.register_module()
class ClassCountHook(Hook):
    """Refuse to train a head whose number of classes differs from the data set's.

    mmcls' ``ClassNumCheckHook`` compares every module that has a ``num_classes``, and
    timm's backbones have one (0). Training by iterations includes this hook::

        custom_hooks = [dict(type='ClassCountHook')]

    Raises:
        ValueError: the numbers differ; raised at the first iteration.
    """

    def __init__(self) -> None:
        self._checked = False

    def before_train_iter(self, runner: Any) -> None:
        if self._checked:
            return
        self._checked = True
        loader = getattr(runner.data_loader, '_dataloader', runner.data_loader)
        classes = loader.dataset.CLASSES
        model = getattr(runner.model, 'module', runner.model)
        num_classes = getattr(getattr(model, 'head', None), 'num_classes', None)
        if num_classes is None or classes is None or num_classes == len(classes):
            return
        raise ValueError(
            f'the head has {num_classes} classes (model.head.texts or '
            f'model.head.num_classes), the data set {len(classes)}: {list(classes)} '
            '(data.train.classes). Give one text per class, in the same order.'
        )


@HOOKS.register_module()
class HalfWeightsHook(Hook):
    """Round trained weights to half precision after every step, as the release does.

    The release trains weights that are stored in half precision, with plain SGD: an
    update smaller than half the spacing of numbers (2 ** -11 of the weight) is lost.
    The priority is the optimizer's, so that the hook acts right after the step::

        custom_hooks = [dict(type='HalfWeightsHook', priority='ABOVE_NORMAL')]
    """

    def before_run(self, runner: Any) -> None:
        self._round(runner)

    def after_train_iter(self, runner: Any) -> None:
        self._round(runner)

    @torch.no_grad()
    def _round(self, runner: Any) -> None:
        for weight in runner.model.parameters():
            if weight.requires_grad:
                weight.copy_(weight.half())
