"""Data and an engine for small comparisons: tests/tiny_compare.py."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tiny_training import make_data

from cite.apis.compare import run
from cite.apis.compare.engines import Engine
from cite.apis.compare.task import Outcome, Task, run_task
from cite.apis.split import make_split


class InProcess(Engine):
    """Runs jobs where the test runs: what a worker does, without one."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        for task in tasks:
            self.ran.append(task.name)
            yield run_task(task)


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
