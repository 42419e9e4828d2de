"""A row of the benchmark: two sides, each a factory.

A factory gets the :class:`Workspace`, sets up, and returns a function without arguments
that measures once and returns a number in the row's unit. Each side has its own
process, which calls its factory once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

import torch

Measure = Callable[[], float]
_OF_THE_MOST = 0.85


@dataclass(frozen=True)
class Workspace:
    """Folder and size of the generated slides and models.

    Args:
        folder: folder of this benchmark.
        small: tiny models and few images, for tests: the ratios of time mean nothing.
    """

    folder: Path
    small: bool = False


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        key: short name, for ``--rows``.
        title: text of the first column.
        unit: unit of both values.
        target: ratio to reach, ours against released.
        most: largest ratio that this machine allows, given the threads of torch and the
            released side's value; 85 % of it are the target where that is less.
        released: factory of the released side.
        ours: factory of our side.
        bound: limit of our side, with the arithmetic.
        more_is_better: True for rates; otherwise the ratio is released / ours.
        exact: True for sizes and counts, which are measured once.
        bf16: the row depends on bf16, so that the instruction set is named.
        prepare: function that makes the files of both sides, before either starts.
        missing: function that returns why the row cannot run here, or None.
        estimate: note on how a value was scaled.
        remark: function that returns a note after the measurement.
    """

    key: str
    title: str
    unit: str
    target: float
    released: Callable[[Workspace], Measure]
    ours: Callable[[Workspace], Measure]
    bound: str
    more_is_better: bool = False
    exact: bool = False
    bf16: bool = False
    prepare: Callable[[Workspace], None] = lambda workspace: None
    missing: Callable[[], Optional[str]] = lambda: None
    most: Optional[Callable[[int, float], float]] = None
    estimate: str = ''
    remark: Optional[Callable[[Workspace], str]] = None

    def target_here(self, threads: int, released: float) -> float:
        """Return the ratio to reach on this machine."""
        if self.most is None:
            return self.target
        return min(self.target, _OF_THE_MOST * self.most(threads, released))

    def ratio(self, released: float, ours: float) -> float:
        """Return how many times better ours is."""
        return ours / released if self.more_is_better else released / ours


def no_gpu() -> Optional[str]:
    """Return why a row that needs a GPU cannot run here, or None."""
    return None if torch.cuda.is_available() else 'no GPU here: not run'


def pick(rows: Sequence[Row], keys: Optional[Sequence[str]]) -> list[Row]:
    """Return the rows with these keys; all rows without keys.

    Raises:
        ValueError: a key is unknown.
    """
    all_keys = [row.key for row in rows]
    unknown = [key for key in keys or [] if key not in all_keys]
    if unknown:
        raise ValueError(
            f'no row {", ".join(unknown)}; there are {", ".join(all_keys)}.'
        )
    return [row for row in rows if keys is None or row.key in keys]
