"""Endless orders of a data set's indices: functions from the draw's number to an index.

Each is stateless in effect: what it answers for k depends on its arguments alone, so
that a run may start at any k. Only the current pass is kept, to save time.
"""

from collections.abc import Sequence
from typing import Any, Callable

import numpy as np

Order = Callable[[int], int]
# First word of the key of a permutation, so that no two kinds share one.
_ALL, _PATCHES_OF_CLASS, _SLIDES_OF_CLASS, _PATCHES_OF_SLIDE = range(4)


class Draw(int):
    """A data set's index that knows which draw of the run it is.

    Our data sets derive the image's augmentation from ``(seed, k)``, so that it depends
    on no worker and no rank.

    Args:
        index: index into the data set.
        k: number of the draw, counted over all ranks from the start of the run.
        seed: seed of the run.
    """

    k: int
    seed: int

    def __new__(cls, index: int, k: int, seed: int) -> 'Draw':
        draw = super().__new__(cls, index)
        draw.k, draw.seed = k, seed
        return draw

    def __reduce__(self) -> tuple[Any, tuple[int, int, int]]:
        return type(self), (int(self), self.k, self.seed)


class Passes:
    """Pass after pass over some items, each in a new order.

    Args:
        items: indices to go over, (n,), n > 0.
        key: the order of pass p is a function of ``(*key, p)``.
        shuffle: without it every pass keeps the order of the items.
    """

    def __init__(self, items: np.ndarray, key: Sequence[int], shuffle: bool) -> None:
        self._items = items
        self._key = tuple(key)
        self._shuffle = shuffle and len(items) > 1
        self._pass = -1
        self._order = items

    def __len__(self) -> int:
        return len(self._items)

    def __call__(self, j: int) -> int:
        """Return the j-th item of the endless sequence."""
        number, place = divmod(j, len(self._items))
        if self._shuffle and number != self._pass:
            rng = np.random.default_rng([*self._key, number])
            self._order = rng.permutation(self._items)
            self._pass = number
        return int(self._order[place])


def plain_order(size: int, seed: int, shuffle: bool) -> Order:
    """Go over all indices alike."""
    return Passes(np.arange(size), (seed, _ALL, 0, 0), shuffle)


def patch_order(labels: np.ndarray, seed: int, shuffle: bool) -> Order:
    """Take the classes in rotation, within a class all its patches alike.

    Args:
        labels: class of each patch, (N,), every class from 0 to the highest present.
    """
    classes = [
        Passes(np.flatnonzero(labels == c), (seed, _PATCHES_OF_CLASS, c, 0), shuffle)
        for c in range(labels.max() + 1)
    ]

    def order(k: int) -> int:
        j, c = divmod(k, len(classes))
        return classes[c](j)

    return order


def slide_order(
    labels: np.ndarray, bags: np.ndarray, seed: int, shuffle: bool
) -> Order:
    """Take the classes in rotation, within each its slides, within each its patches.

    Args:
        labels: class of each patch, (N,), every class from 0 to the highest present.
        bags: slide of each patch, (N,), any sortable values.
    """
    classes = []
    for c in range(labels.max() + 1):
        indices = np.flatnonzero(labels == c)
        patches = _patches_of_slides(indices, bags, c, seed, shuffle)
        key = (seed, _SLIDES_OF_CLASS, c, 0)
        classes.append((Passes(np.arange(len(patches)), key, shuffle), patches))

    def order(k: int) -> int:
        j, c = divmod(k, len(classes))
        slides, patches = classes[c]
        # A pass over the slides visits each once: the pass counts a slide's visits.
        return patches[slides(j)](j // len(slides))

    return order


def _patches_of_slides(
    indices: np.ndarray, bags: np.ndarray, c: int, seed: int, shuffle: bool
) -> list[Passes]:
    """Return the passes over the patches of each slide of class c, by slide."""
    _, slide_of, sizes = np.unique(
        bags[indices], return_inverse=True, return_counts=True
    )
    by_slide = indices[np.argsort(slide_of, kind='stable')]
    return [
        Passes(patches, (seed, _PATCHES_OF_SLIDE, c, s), shuffle)
        for s, patches in enumerate(np.split(by_slide, np.cumsum(sizes)[:-1]))
    ]
