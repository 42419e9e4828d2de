"""Data and an engine for small comparisons: tests/support/tiny_compare.py."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from made_up_comparison import make_comparison
from tiny_training import make_data

from cite.apis.split.split import make_split
from cite.compare import run
from cite.compare.methods.task import Task, run_task
from cite.compare.methods.workspace import Kept
from cite.compare.report import write_all
from cite.engines import Engine, Outcome


class InProcess(Engine):
    """Runs jobs where the test runs: what a worker does, without one."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, tasks: Sequence[Task], *_: object) -> Iterator[Outcome]:
        for task in tasks:
            self.ran.append(task.name)
            yield Outcome(task, run_task(task, Kept()))


@pytest.fixture(autouse=True, scope='session')
def _forks(forked_workers) -> None:
    """Let workers be forks of what has imported torch."""


@pytest.fixture
def engine(monkeypatch) -> InProcess:
    """Run jobs in this process; says which ran."""
    engine = InProcess()
    monkeypatch.setattr(run, 'make_engine', lambda *_: engine)
    return engine


@pytest.fixture(scope='session')
def compare_data(tmp_path_factory) -> Path:
    """Return a data folder: 2 training and 2 test slides a class, 3 patches each."""
    folder = make_data(tmp_path_factory.mktemp('compare') / 'data')
    make_split(folder, val=0.5, shots=(1, 2), draws=3)
    return folder


SMALL = dict(
    slides=60,
    methods=('cite', 'linear', 'abmil', 'zeroshot'),
    shots=(1, 4, 'all'),
    draws=2,
    pictures=6,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope='session')
def written(tmp_path_factory):
    """Return a small comparison's folder with its tables and report."""
    out = make_comparison(tmp_path_factory.mktemp('compare') / 'out', **SMALL)
    write_all(out)
    return out
