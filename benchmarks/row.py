"""What a row of the benchmark is: two sides, each a factory.

A factory gets the :class:`Workspace`, sets up, and returns a function without arguments
that measures once and returns a number in the row's unit. Each side lives in a process
of its own, which calls its factory once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

Measure = Callable[[], float]


@dataclass(frozen=True)
class Workspace:
    """Where generated slides and models lie, and how large they are.

    Args:
        folder: of this benchmark.
        small: tiny models and few images, for tests: its ratios of time say nothing.
    """

    folder: Path
    small: bool = False


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        key: its short name, for ``--rows``.
        title: its first column.
        unit: of both figures.
        target: the ratio to reach, ours against released.
        released: factory of the released side.
        ours: factory of our side.
        bound: what limits our side, with the arithmetic.
        more_is_better: for rates; otherwise the ratio is released / ours.
        exact: sizes and counts, measured once.
        bf16: rests on bf16: the instruction set is named.
        prepare: makes what both sides need, before either starts.
        missing: says why the row cannot run here, or None.
        estimate: says how a figure was scaled, or what else belongs to it.
        remark: says something of what was measured, afterwards.
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
    estimate: str = ''
    remark: Optional[Callable[[Workspace], str]] = None

    def ratio(self, released: float, ours: float) -> float:
        """Return how many times better ours is."""
        return ours / released if self.more_is_better else released / ours


def pick(rows: Sequence[Row], keys: Optional[Sequence[str]]) -> list[Row]:
    """Return the rows of these keys, all of them without.

    Raises:
        ValueError: there is no such row.
    """
    known = [row.key for row in rows]
    unknown = [key for key in keys or [] if key not in known]
    if unknown:
        raise ValueError(f'no row {", ".join(unknown)}; there are {", ".join(known)}.')
    return [row for row in rows if keys is None or row.key in keys]
