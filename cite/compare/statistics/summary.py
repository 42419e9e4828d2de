"""The metrics of a comparison, their intervals, and which methods differ."""

from dataclasses import dataclass

from cite.compare.folder.results import Shots

from .bootstrap import Interval

LEVELS = ('slide', 'patch')
ALPHA = 0.05
FEW_DRAWS = 5  # with fewer, the spread between draws is hardly known
FEW_PATIENTS = 30  # with fewer, a bootstrap's intervals are too narrow


@dataclass(frozen=True)
class Cell:
    """A metric of a method at one number of training slides."""

    level: str
    method: str
    shots: Shots
    metric: str
    value: Interval  # the mean over runs
    of_runs: tuple[float, ...]  # each run's value, in the order of Results.of
    draws: int

    @property
    def runs(self) -> int:
        """The number of runs."""
        return len(self.of_runs)

    @property
    def few_draws(self) -> bool:
        """Whether the spread between draws is hardly known; marked with a dagger."""
        return _few_draws(self.shots, self.draws)


@dataclass(frozen=True)
class Test:
    """Whether a method differs from the reference, on the runs that both have."""

    level: str
    method: str
    shots: Shots
    metric: str
    difference: Interval  # method - reference
    p: float
    adjusted: float  # by Holm's method, within the metric and level
    runs: int  # draws and seeds that both have
    draws: int

    @property
    def significant(self) -> bool:
        """Whether the adjusted p-value is at most 0.05."""
        return self.adjusted <= ALPHA

    @property
    def few_draws(self) -> bool:
        """Whether the spread between draws is hardly known; marked with a dagger."""
        return _few_draws(self.shots, self.draws)


@dataclass(frozen=True)
class Summary:
    """All metrics and tests of a comparison."""

    cells: dict[tuple[str, str, Shots, str], Cell]  # level, method, shots, metric
    tests: dict[tuple[str, str, Shots, str], Test]
    metrics: tuple[str, ...]
    resamples: int
    clusters: int  # patients, or slides where no patient is known

    def rows(self, level: str) -> list[tuple[Shots, str]]:
        """Return shots and method of each row of a level's table, in its order."""
        rows = [(s, m) for (at, m, s, _) in self.cells if at == level]
        return list(dict.fromkeys(rows))

    def family(self, level: str, metric: str) -> list[Test]:
        """Return the tests that are corrected together."""
        tests = self.tests.values()
        return [t for t in tests if (t.level, t.metric) == (level, metric)]


def _few_draws(shots: Shots, draws: int) -> bool:
    return shots not in (None, 'all') and draws < FEW_DRAWS
