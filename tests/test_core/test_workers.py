"""Processes of ours start in one way, with any default of Python's."""

import ast
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

import cite
from cite.core.workers import start_method

ROOT = Path(cite.__file__).parents[1]
# What starts processes, and the argument that names how.
STARTERS = {
    'DataLoader': 'multiprocessing_context',
    'ProcessPoolExecutor': 'mp_context',
    'Pool': 'a context of their own',
    'Process': 'a context of their own',
}


@pytest.fixture
def forkserver():
    """Python 3.14's default on Linux."""
    multiprocessing.set_start_method('forkserver', force=True)
    yield
    multiprocessing.set_start_method(None, force=True)


def test_forkserver_gives_way_to_fork(forkserver):
    assert start_method(2) == 'fork'
    assert start_method(0) is None
    multiprocessing.set_start_method('spawn', force=True)
    assert start_method(2) == 'spawn'


class Squares:
    def __init__(self):
        self.memory = np.zeros(4)

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.seen(index)


def test_workers_see_what_this_process_has(forkserver):
    squares = Squares()
    squares.seen = lambda index: index**2  # a spawned worker could not unpickle it
    loader = DataLoader(squares, num_workers=1, multiprocessing_context=start_method(1))
    assert [int(batch) for batch in loader] == [0, 1, 4, 9]


def starts(path):
    """Yield the calls of a file that start processes and name no method."""
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = getattr(function, 'attr', getattr(function, 'id', ''))
        if name not in STARTERS or getattr(function, 'value', None) is not None:
            continue  # `context.Process(…)` is of a context
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        if name == 'DataLoader' and 'num_workers' not in keywords:
            continue  # it loads in this process
        if STARTERS[name] not in keywords:
            yield f'{path.relative_to(ROOT)}:{node.lineno}: {name}'


def test_every_start_names_its_method():
    rooms = [ROOT / room for room in ('cite', 'demo', 'benchmarks')]
    files = [file for room in rooms for file in room.rglob('*.py')]
    assert len(files) > 100
    assert [call for file in files for call in starts(file)] == []
