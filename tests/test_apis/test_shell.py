"""Commands are printed as one types them, run, and end in a sentence if they fail."""

import subprocess
import sys
from pathlib import Path

import pytest

from cite.apis.shell import as_typed, command_line, run_command, shell_setup


def test_a_printed_command_can_be_typed(tmp_path, capfd):
    code = 'import os, sys; print(os.environ["A"], sys.argv[1:])'
    run_command(['python', '-c', code, 'two words', "it's"], {'A': 'x y'})
    command, output = capfd.readouterr().out.split('\n$ ')[1].split('\n', 1)
    assert output == "x y ['two words', \"it's\"]\n"
    typed = command.replace('python', sys.executable, 1)
    again = subprocess.run(
        ['bash', '-c', typed], capture_output=True, text=True, check=True
    )
    assert again.stdout == output


def test_only_progress_is_shown(capfd):
    lines = [
        'the environment, at length',
        '2026-01-01 - mmcls - INFO - Iter [10/200]\tlr: 1.5e-04, loss: 2.7',
        '2026-01-01 - mmcls - INFO - Iter(val) [17]\taccuracy: 91.85',
        'mean_bag_accuracy : 100.0',
        'model = dict()',
    ]
    code = f'print(*{lines!r}, sep=chr(10))'
    run_command(['python', '-c', code], {}, only_progress=True)
    assert capfd.readouterr().out.splitlines()[-3:] == [
        'Iter [10/200]\tlr: 1.5e-04, loss: 2.7',
        'Iter(val) [17]\taccuracy: 91.85',
        'mean_bag_accuracy : 100.0',
    ]


def test_a_failure_shows_what_was_hidden(capfd):
    code = 'import sys; print("why"); sys.exit(3)'
    with pytest.raises(ValueError, match=r'ended with code 3'):
        run_command(['python', '-c', code], {}, only_progress=True)
    assert 'why' in capfd.readouterr().err


@pytest.mark.usefixtures('forks')
def test_a_failed_command_names_the_command_with_its_variables(tmp_path, capfd):
    message = r'`SPLIT=3 cite no-such-command` ended with code 2'
    with pytest.raises(ValueError, match=message):
        run_command(['cite', 'no-such-command'], {'SPLIT': '3'})
    printed = capfd.readouterr()
    assert printed.out.startswith('\n$ SPLIT=3 cite no-such-command\n')
    assert 'has no command no-such-command' in printed.err  # as the command wrote it


def test_cite_runs_where_it_is_not_installed(capfd):
    assert command_line(['cite', 'ann']) == [sys.executable, '-m', 'cite', 'ann']
    run_command(['cite', '--help'], {}, only_progress=False)
    assert 'usage: cite COMMAND' in capfd.readouterr().out


def test_the_package_is_found_where_it_is_not_installed(capfd, monkeypatch):
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    code = 'import importlib.util as u; print(u.find_spec("cite").origin)'
    run_command(['python', '-c', code], {})
    assert str(root / 'cite' / '__init__.py') in capfd.readouterr().out


def test_the_line_for_a_shell_finds_this_python(monkeypatch):
    monkeypatch.chdir(Path(sys.executable).parents[1])
    assert shell_setup().startswith('export PATH="$PWD/bin:$PATH"')
    script = f'{shell_setup()}; command -v python; echo $PYTHONPATH'
    found = subprocess.run(
        ['bash', '-c', script], capture_output=True, text=True, check=True
    )
    folder = str(Path(sys.executable).parent)
    assert found.stdout.splitlines() == [f'{folder}/python', str(Path.cwd())]


def test_quoting():
    assert as_typed(['mim', 'a b'], {'X': '1'}) == "X=1 mim 'a b'"
