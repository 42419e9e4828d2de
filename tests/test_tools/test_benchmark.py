"""The benchmark as a user starts it, small: its code runs, its ratios mean nothing."""

import json
import sys

from commands import ROOT, run

KEYS = {'row', 'released', 'ours', 'unit', 'ratio', 'target', 'met', 'bound'}


def test_a_small_benchmark(tmp_path):
    command = [sys.executable, '-W', 'ignore', ROOT / 'tools/benchmark.py', '--small']
    rows = ['few-slide', 'first-pass-packed', 'train-step', 'checkpoint', 'whole-run']
    out = run(
        *(*command, '--repeats', 1, '--threads', 1, '--json', tmp_path / 'b.json'),
        *('--work-dir', tmp_path / 'models', '--rows', *rows),
    )

    lines = json.loads((tmp_path / 'b.json').read_text())
    assert [line['key'] for line in lines] == rows
    assert all(line.keys() >= KEYS for line in lines)
    for line in lines[:4]:
        better = line['unit'].startswith('images')
        pair = [line['ours'], line['released']]
        above, below = pair if better else pair[::-1]
        assert line['ratio'] == above / below
        assert line['met'] is (line['ratio'] >= line['target'])
        assert f'| {line["row"]} |' in out
    assert '(1) training data path, few-slide' in out
    assert ': ours goes through 16 times as many images' in out
    assert lines[3]['ratio'] > 1  # ours holds no weights of the backbone


def test_a_small_benchmark_of_slides(tmp_path):
    command = [sys.executable, '-W', 'ignore', ROOT / 'tools/benchmark.py', '--small']
    rows = ['tiles-deflate', 'predict-busy', 'predict-memory', 'viewer']
    out = run(
        *(*command, '--repeats', 1, '--threads', 1, '--json', tmp_path / 'b.json'),
        *('--work-dir', tmp_path / 'models', '--rows', *rows),
    )
    lines = {
        line['key']: line for line in json.loads((tmp_path / 'b.json').read_text())
    }
    assert list(lines) == rows
    assert all(line['ratio'] > 0 for line in lines.values())
    # No clock is needed for it: less than 2 % between a tenth and the end.
    assert lines['predict-memory']['ratio'] > 0.98
    assert '| reading tiles of a deflate slide file' in out
