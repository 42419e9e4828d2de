"""The comparison with another commit: its code is measured, and a slower row fails."""

import pytest

from benchmarks import check
from benchmarks.check import main, pairs, unpack
from benchmarks.row import Row, Workspace

SLOW = """
from benchmarks.row import Row

def measure(workspace):
    return lambda: {seconds}

ROWS = [Row('start', 't', 's', 1, measure, measure, '-')]
"""


def checkout(folder, seconds):
    """Write this checkout with a row that takes so many seconds, and no other."""
    benchmarks = unpack('HEAD', folder) / 'benchmarks'
    (benchmarks / 'start.py').write_text(SLOW.format(seconds=seconds))
    rows = 'from .start import ROWS\n\ndef all_rows():\n    return ROWS\n'
    (benchmarks / 'rows.py').write_text(rows)
    return folder


@pytest.mark.usefixtures('forks')
def test_each_checkouts_own_code_is_measured(tmp_path):
    row = Row('start', 't', 's', 1, lambda w: None, lambda w: None, '-')
    before, after = checkout(tmp_path / 'a', 0.5), checkout(tmp_path / 'b', 1.0)
    workspace = Workspace(tmp_path / 'work', small=True)
    assert pairs(row, workspace, (before, after), 3, 1) == [0.5] * 3


@pytest.mark.parametrize('ratio', [0.94, 0.96])
def test_a_row_that_is_slower_by_more_than_5_percent_fails(monkeypatch, capsys, ratio):
    monkeypatch.setattr(check, 'pairs', lambda *_: [ratio, 2.0, ratio])
    try:
        main(['--small', '--rows', 'few-slide'])
        code = 0
    except SystemExit as end:
        code = end.code
    assert code == (ratio < 0.95)
    printed = capsys.readouterr()
    assert f'few-slide            {ratio:.3f}  ({ratio} {ratio} 2.00)' in printed.out
    assert ('slower than HEAD: few-slide' in printed.err) is bool(code)


def test_a_commit_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r'--against no-such-commit: .*no-such-commit'):
        unpack('no-such-commit', tmp_path / 'x')
