from collections.abc import Iterator, Sequence
from itertools import count
from typing import Optional, Protocol

import numpy as np
from mmcls.core.utils import sync_random_seed
from mmcls.datasets.builder import SAMPLERS
from torch.utils.data import Sampler

from .orders import Draw, Order, patch_order, plain_order, slide_order


class Labelled(Protocol):
    """What a data set needs to be drawn from; all data sets of mmcls have it."""

    CLASSES: Sequence[str]
    ann_file: str

    def __len__(self) -> int: ...

    def get_gt_labels(self) -> np.ndarray: ...  # (N,)


@SAMPLERS.register_module()
class BalancedSampler(Sampler):
    """An endless draw of training images, balanced over classes or slides if asked.

    The k-th image of a run is a function of the data set, the seed and k: workers and
    restarts change nothing, and n ranks together see, batch for batch, what one rank
    with n times the batch sees. Classes, slides and patches in rotation are each gone
    through completely before they start again, every time in a new order.

    A data set asks for it itself; in a config::

        data = dict(train=dict(type='PatchGastricCls3', patch_balance=True))

    Args:
        dataset: data set with ``get_gt_labels``, for ``'slide'`` also ``get_bags``.
        num_replicas: number of ranks.
        rank: number of this rank, from 0.
        seed: seed of the run; None draws one (the same on all ranks).
        shuffle: draw each pass in a new order; otherwise in the data set's.
        balance: None (all patches alike), ``'patch'`` (classes in rotation, within a
            class all its patches alike) or ``'slide'`` (classes in rotation, within a
            class its slides, within a slide its patches).
        samples_per_replica: batch size of one rank; matters with several ranks.
        start: number of draws that this rank has made before: iterations done times
            ``samples_per_replica``.
        endless: False ends each iteration after one pass's worth of draws and starts
            the next one there, for runners that count epochs.

    Raises:
        ValueError: an argument out of range, or a class without patches in a balanced
            draw.
        TypeError: ``balance='slide'`` for a data set without slides.
    """

    def __init__(
        self,
        dataset: Labelled,
        num_replicas: int = 1,
        rank: int = 0,
        seed: Optional[int] = None,
        shuffle: bool = True,
        balance: Optional[str] = None,
        samples_per_replica: int = 1,
        start: int = 0,
        endless: bool = True,
    ) -> None:
        _check_range('rank', rank, 0, num_replicas - 1)
        _check_range('samples_per_replica', samples_per_replica, 1)
        _check_range('start', start, 0)
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.samples_per_replica = samples_per_replica
        self.start = start
        self.endless = endless
        self.epoch = 0
        self.balance = balance
        self.shuffle = shuffle
        self.reseed(sync_random_seed(seed))

    def __iter__(self) -> Iterator[Draw]:
        if self.endless:
            yield from map(self._draw, count(self.start))
            return
        begin = self.start + self.epoch * len(self)
        self.epoch += 1
        yield from map(self._draw, range(begin, begin + len(self)))

    def __len__(self) -> int:
        """Return this rank's share of one pass; iteration continues beyond it."""
        return -(-len(self.dataset) // self.num_replicas)

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the next iteration; has no effect if endless."""
        self.epoch = epoch

    def reseed(self, seed: int) -> None:
        """Draw with another seed from now on, that of the run that is resumed."""
        _check_range('seed', seed, 0)
        self.seed = seed
        self._order = _order_of(self.dataset, self.balance, seed, self.shuffle)

    def _draw(self, i: int) -> Draw:
        """Return the i-th draw of this rank: its share of the run's global batches."""
        batch, place = divmod(i, self.samples_per_replica)
        k = (batch * self.num_replicas + self.rank) * self.samples_per_replica + place
        return Draw(self._order(k), k, self.seed)


def _order_of(
    dataset: Labelled, balance: Optional[str], seed: int, shuffle: bool
) -> Order:
    _check_range('the number of images', len(dataset), 1)
    if balance is None:
        return plain_order(len(dataset), seed, shuffle)
    if balance not in ('patch', 'slide'):
        raise ValueError(f"balance={balance!r}; known are None, 'patch' and 'slide'.")
    labels = dataset.get_gt_labels()
    _check_classes(dataset, labels)
    if balance == 'patch':
        return patch_order(labels, seed, shuffle)
    if not hasattr(dataset, 'get_bags'):
        raise TypeError(
            f"balance='slide' needs a data set that knows its slides; "
            f"{type(dataset).__name__} has no get_bags(). Use balance='patch'."
        )
    return slide_order(labels, dataset.get_bags(), seed, shuffle)


def _check_classes(dataset: Labelled, labels: np.ndarray) -> None:
    sizes = np.bincount(labels, minlength=len(dataset.CLASSES))
    empty = [f'{c} ({name})' for c, name in enumerate(dataset.CLASSES) if not sizes[c]]
    if empty:
        raise ValueError(
            f'{dataset.ann_file}: no patch of class {", ".join(empty)}, so the classes '
            'cannot be drawn in rotation. Add patches of it, take the class out of the '
            "data set's classes, or switch patch_balance and slide_balance off."
        )


def _check_range(name: str, value: int, low: int, high: Optional[int] = None) -> None:
    if value < low or (high is not None and value > high):
        upper = '' if high is None else f' and at most {high}'
        raise ValueError(f'{name}={value}; it must be at least {low}{upper}.')
