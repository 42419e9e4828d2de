"""Data and an engine for small comparisons: tests/support/tiny_compare.py.

pytest reads this file at its start, where nothing of cite is imported.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from numpy.random import Generator
    from tiny_compare import InProcess


@pytest.fixture(autouse=True, scope='session')
def _forks(forked_workers) -> None:
    """Let workers be forks of what has imported torch."""


@pytest.fixture
def engine(monkeypatch) -> 'InProcess':
    """Run jobs in this process; says which ran."""
    from tiny_compare import InProcess

    from cite.compare import run

    engine = InProcess()
    monkeypatch.setattr(run, 'make_engine', lambda *_: engine)
    return engine


@pytest.fixture(scope='session')
def compare_data(tmp_path_factory) -> Path:
    """Return a data folder: 2 training and 2 test slides a class, 3 patches each."""
    from tiny_training import make_data

    from cite.apis.split.split import make_split

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
def rng() -> 'Generator':
    import numpy as np

    return np.random.default_rng(0)


@pytest.fixture(scope='session')
def written(tmp_path_factory) -> Path:
    """Return a small comparison's folder with its tables and report."""
    from made_up_comparison import make_comparison

    from cite.compare.report import write_all

    out = make_comparison(tmp_path_factory.mktemp('compare') / 'out', **SMALL)
    write_all(out)
    return out
