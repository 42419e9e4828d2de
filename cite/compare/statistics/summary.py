"""The metrics of a comparison, their intervals, and which methods differ."""

from dataclasses import dataclass, field

from cite.compare.folder.results import Shots

from .interval import Interval

LEVELS = ('slide', 'patch')
ALPHA = 0.05
#: Controls that answer what the texts give, corrected together by Holm's method.
ASKED = ('rotated', 'permuted')
Key = tuple[str, str, Shots, str]  # level, method, shots, metric


@dataclass(frozen=True)
class _Outcome:
    """What a metric and a test have in common."""

    level: str
    method: str
    shots: Shots
    metric: str
    runs: int  # in a test, draws and seeds that both methods have
    draws: int
    models: bool  # about these trained models, not about the methods
    reason: str  # why there is no interval or no test, a key of report.words.REASONS

    @property
    def runs_text(self) -> str:
        """The number of runs, with a dagger if they say nothing about the method."""
        return f'{self.runs}{"†" if self.models else ""}'


@dataclass(frozen=True)
class Cell(_Outcome):
    """A metric of a method at one number of training slides."""

    value: Interval  # the mean over runs, each draw counting the same
    of_runs: tuple[float, ...]  # each run's value, in the order of Results.of


@dataclass(frozen=True)
class Test(_Outcome):
    """Whether a method differs from the reference, on the runs that both have."""

    difference: Interval  # method - reference
    p: float  # NaN if nothing is tested
    adjusted: float  # by Holm's method, within the metric and level

    @property
    def tested(self) -> bool:
        """Whether there is a p-value."""
        return self.p == self.p

    @property
    def significant(self) -> bool:
        """Whether the adjusted p-value is at most 0.05."""
        return self.adjusted <= ALPHA


@dataclass(frozen=True)
class Summary:
    """All metrics and tests of a comparison."""

    cells: dict[Key, Cell]
    tests: dict[Key, Test]
    metrics: tuple[str, ...]
    clusters: int  # patients, or slides where no patient is known
    #: Method that trains on texts: tests of its controls against it.
    controls: dict[str, dict[Key, Test]] = field(default_factory=dict)

    def rows(self, level: str) -> list[tuple[Shots, str]]:
        """Return shots and method of each row of a level's table, in its order."""
        rows = [(s, m) for (at, m, s, _) in self.cells if at == level]
        return list(dict.fromkeys(rows))

    @property
    def shots(self) -> list[Shots]:
        """The shots that have results, in the table's order."""
        return list(dict.fromkeys(shots for _, _, shots, _ in self.cells))

    def line(self, method: str, metric: str) -> dict[Shots, Cell]:
        """Return a method's results on slides, by shots."""
        cells = ((s, self.cells.get(('slide', method, s, metric))) for s in self.shots)
        return {shots: cell for shots, cell in cells if cell}

    def differs(self, key: Key) -> bool:
        """Tell whether a test of this key is significant."""
        return key in self.tests and self.tests[key].significant

    def family(self, level: str, metric: str) -> list[Test]:
        """Return the comparisons of a metric; those tested are corrected together."""
        tests = self.tests.values()
        return [t for t in tests if (t.level, t.metric) == (level, metric)]
