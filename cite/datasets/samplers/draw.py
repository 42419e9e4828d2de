from typing import Any


class Draw(int):
    """A data set's index that knows which draw of the run it is.

    It is an ``int`` to whoever takes it for one. Our data sets derive the image's
    augmentation from ``(seed, k)``, so that no worker or rank has a say in it.

    Args:
        index: index into the data set.
        k: number of the draw, counted over all ranks from the start of the run.
        seed: seed of the run.
        pending: the image may be left for ``cite.datasets.collate`` to augment.
    """

    k: int
    seed: int
    pending: bool

    def __new__(cls, index: int, k: int, seed: int, pending: bool = False) -> 'Draw':
        draw = super().__new__(cls, index)
        draw.k, draw.seed, draw.pending = k, seed, pending
        return draw

    def __reduce__(self) -> tuple[Any, tuple[int, int, int, bool]]:
        return type(self), (int(self), self.k, self.seed, self.pending)
