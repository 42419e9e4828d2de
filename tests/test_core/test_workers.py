"""Processes of ours start in one way, with any default of Python's."""

import ast
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from torch.utils.data import DataLoader

import cite
from cite.core import workers
from cite.core.workers import fitting_workers, read_apart, start_method

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


@pytest.mark.parametrize(
    ('asked', 'megabytes', 'fitting'),
    # 64 MB are free; one batch is with the reader, and each process holds two.
    [(4, 10, 2), (4, 7, 4), (4, 21, 1), (4, 22, 0), (2, 12, 2), (0, 99, 0), (3, 0, 3)],
)
def test_as_many_processes_load_as_the_shared_memory_has_room_for(
    monkeypatch, asked, megabytes, fitting
):
    usage = shutil.disk_usage('/')._replace(free=64 << 20)
    monkeypatch.setattr(workers.shutil, 'disk_usage', lambda folder: usage)
    monkeypatch.setattr(workers.os.path, 'isdir', lambda folder: True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        assert fitting_workers(asked, megabytes << 20) == fitting
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == (fitting < asked)
    assert all(f'needs {2 * megabytes} MB' in text for text in texts)


SMALL = 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"'
WORK = """
import sys
from PIL import Image
from cite.apis.features.pack import _Patches, _blocks
from pathlib import Path

folder = Path(sys.argv[1])
names = [f'{i}.png' for i in range(300)]
for i, name in enumerate(names):
    Image.new('RGB', (64, 64), (i % 256, 0, 0)).save(folder / name)
patches = _Patches(folder, names, 64, 'bicubic')
reds = [int(row[0, 0, 0]) for block in _blocks(patches, 0, 2) for row in block]
assert reds == [i % 256 for i in range(300)], reds
print('packed')
"""


def test_a_small_shared_memory_is_enough_to_pack(tmp_path):
    """A block is 1.5 MB; with 1 MB a process dies of a bus error."""
    own = ['unshare', '--mount', 'sh', '-c', SMALL, 'sh']
    if subprocess.run([*own, 'true'], check=False, capture_output=True).returncode:
        pytest.skip('no tmpfs can be mounted here')
    command = [*own, sys.executable, '-c', WORK, str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.stdout == 'packed\n', done.stderr
    assert 'images are loaded by this process by itself' in done.stderr


def sum_of(path):
    return sum(path.read_bytes())


def refuse(path):
    raise KeyError(f'{path}: no')


def loop(path):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    while True:
        pass


def crash(path):
    os._exit(3)


def test_a_file_is_read_apart(tmp_path, monkeypatch):
    path = tmp_path / 'a.h5'
    path.write_bytes(bytes([1, 2, 3]))
    assert read_apart(sum_of, path) == 6
    with pytest.raises(KeyError, match='no'):
        read_apart(refuse, path)
    with pytest.raises(ValueError, match=r'a\.h5 ended the process that read it'):
        read_apart(crash, path)
    monkeypatch.setattr(workers, '_SECONDS', 1)
    with pytest.raises(ValueError, match=r'a\.h5 could not be read within 1 s'):
        read_apart(loop, path)
    assert multiprocessing.active_children() == []
