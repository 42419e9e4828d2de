from typing import Any


class Draw(int):
    """A data set's index that knows which draw of the run it is.

    It is an ``int`` for code that expects one. Our data sets derive the image's
    augmentation from ``(seed, k)``, so that it depends on no worker and no rank.

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
