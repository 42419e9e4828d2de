"""The benchmark, small: its code runs, its ratios mean nothing.

A user's command gives each side a process of its own. It measures one row in each test;
the other rows' sides are measured in the test's process, which has imported torch.
"""

import json
import sys

import forked
import pytest
from commands import ROOT, run

from benchmarks import compare
from benchmarks.__main__ import main

KEYS = {'row', 'released', 'ours', 'unit', 'ratio', 'target', 'met', 'bound'}
SMALL = ['--small', '--repeats', '1', '--threads', '1']


class SideHere:
    """A side of a row in this process."""

    def __init__(self, row, side, workspace, threads):
        self.measure = getattr(row, side)(workspace)

    def close(self):
        """Do nothing: no process was started."""


@pytest.fixture
def measure(tmp_path, monkeypatch, capsys):
    """Return a function that measures rows; it returns their lines and the text."""

    def call(*rows, by_command):
        words = [*SMALL, '--json', tmp_path / 'b.json']
        words += ['--work-dir', tmp_path / 'models', '--rows', *rows]
        if by_command:
            python = {'PYTHON_EXEC': str(forked.python())}  # of the sides
            command = sys.executable, ROOT / 'tools/benchmark.py'
            printed = run(*command, *words, **python)
        else:
            monkeypatch.setattr(compare, 'Side', SideHere)
            main([str(word) for word in words])
            printed = capsys.readouterr().out
        lines = json.loads((tmp_path / 'b.json').read_text())
        assert [line['key'] for line in lines] == [*rows]
        assert all(line.keys() >= KEYS for line in lines)
        for line in lines:
            assert f'| {line["row"]} |' in printed
        return lines, printed

    return call


@pytest.mark.usefixtures('forks')
def test_a_small_benchmark(measure):
    (checkpoint,), _ = measure('checkpoint', by_command=True)
    rows = 'few-slide', 'first-pass-packed', 'train-step', 'whole-run'
    lines, printed = measure(*rows, by_command=False)
    for line in [checkpoint, *lines[:3]]:
        better = line['unit'].startswith('images')
        pair = [line['ours'], line['released']]
        above, below = pair if better else pair[::-1]
        assert line['ratio'] == above / below
        assert line['met'] is (line['ratio'] >= line['target'])
    assert '(1) training data path, few-slide' in printed
    assert ': ours goes through 16 times as many images' in printed
    assert checkpoint['ratio'] > 1  # ours holds no weights of the backbone


def test_a_small_benchmark_of_slides(measure):
    # No clock is needed for it: less than 2 % between a tenth and the end.
    (memory,), _ = measure('predict-memory', by_command=True)
    assert memory['ratio'] > 0.98
    rows = 'tiles-deflate', 'predict-busy', 'viewer'
    lines, printed = measure(*rows, by_command=False)
    assert all(line['ratio'] > 0 for line in lines)
    assert '| reading tiles of a deflate slide file' in printed
