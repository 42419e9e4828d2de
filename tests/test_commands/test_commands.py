"""``cite``: its list of commands, and what is registered when."""

import contextlib
import io
import re
import runpy
import sys
from argparse import ArgumentParser
from pathlib import Path

import forked
import pytest
from commands import ROOT, attempt, run
from mmcv import DictAction
from tiny_training import config, make_data

from cite.__main__ import main, overview
from cite.apis.cli import add_cfg_options
from cite.apis.features.extract_rows import DTYPES
from cite.commands import COMMANDS, compare, extract, summary, train

# What `pip install` writes into the environment's bin/.
SCRIPT = """
import sys
from cite.__main__ import main
if __name__ == '__main__':
    {code}
    sys.exit(main())
"""
SHIMS = {
    'ann': 'ann',
    'check': 'check',
    'compare': 'compare',
    'convert': 'convert_model',
    'export': 'export_checkpoint',
    'extract': 'extract_features',
    'pack': 'pack',
    'repeat': 'repeat',
}
# Commands that never were a file in tools/.
NEWER = {
    *('train', 'test', 'tile', 'import-features', 'predict', 'calibrate', 'doctor'),
    *('install-mmcv', 'configs', 'new'),
}
HEAVY = ('torch', 'mmcv', 'mmcls', 'numpy', 'pandas')
# Prints at exit which of these are loaded.
LOADED = (
    f'import atexit; atexit.register(lambda: print(*{{*{HEAVY}}} & {{*sys.modules}}))'
)


@pytest.fixture
def script(tmp_path):
    """Return a function that writes the console script, with code before its call."""

    def write(code='pass'):
        path = tmp_path / 'bin' / 'cite'
        path.parent.mkdir(exist_ok=True)
        path.write_text(SCRIPT.format(code=code))
        return path

    return write


@pytest.mark.parametrize('arguments', [(), ('-h',), ('--help',)])
def test_the_list_of_commands_needs_no_library(script, arguments):
    printed = run(sys.executable, script(LOADED), *arguments, cold=True)
    assert printed == f'{overview()}\n\n'


def test_the_list_has_a_line_for_each_command():
    lines = overview().splitlines()
    assert [line.split()[0] for line in lines[2:-2]] == list(COMMANDS)
    assert all(len(line) <= 88 for line in lines)
    assert all(len(summary(name)) > 20 for name in COMMANDS)
    assert run(sys.executable, '-m', 'cite', '--help') == overview() + '\n'


@pytest.mark.parametrize(
    'name',
    [
        *('ann', 'calibrate', 'check', 'compare', 'configs', 'convert', 'doctor'),
        *('export', 'extract', 'import-features', 'install-mmcv', 'new', 'pack'),
        *('predict', 'repeat', 'tile'),
    ],
)
def test_the_help_of_a_command_needs_no_library(script, name):
    printed = run(sys.executable, script(LOADED), name, '--help', cold=True)
    assert printed.startswith(f'usage: cite {name} ')
    assert printed.endswith('\n\n')


@pytest.mark.parametrize('name', SHIMS.values())
def test_so_does_that_of_its_shim(name, tmp_path):
    (tmp_path / 'sitecustomize.py').write_text(f'import sys; {LOADED}')
    command = sys.executable, ROOT / f'tools/{name}.py', '--help'
    printed = run(*command, cold=True, PYTHONPATH=tmp_path)
    assert printed.startswith('usage: cite ')
    assert printed.endswith('\n\n')


@pytest.mark.parametrize(
    ('name', 'says'), [('train', '--auto-resume'), ('test', '--out')]
)
def test_the_help_of_a_tool_is_that_of_our_command(name, says):
    """What mmcls' own help does not know comes before it."""
    about, usage, _ = run(sys.executable, '-m', 'cite', name, '--help').partition(
        f'usage: cite {name} '
    )
    assert usage
    assert says in about


def test_an_unknown_command_is_answered_with_the_nearest(capsys):
    with pytest.raises(SystemExit) as end:
        main(['chekc', 'CONFIG'])
    assert end.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ''
    assert printed.err.startswith(
        'error: cite has no command chekc. Did you mean cite c'
    )
    with pytest.raises(SystemExit) as end:
        main(['zzz'])
    assert end.value.code == 2
    assert 'Did you mean' not in capsys.readouterr().err


def outcome(work):
    """Return exit code and output, on either stream, of a function that exits."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            work()
            code = None
        except SystemExit as end:
            code = end.code
    return code, out.getvalue()


def test_every_command_has_its_shim():
    listed = {path.stem for path in (ROOT / 'tools').glob('*.py')}
    assert listed == {*SHIMS.values(), 'demo', 'benchmark'}
    assert {*SHIMS, *NEWER} == {*COMMANDS}


@pytest.mark.parametrize('arguments', [['--help'], ['--no-such-option', 'x', 'y']])
@pytest.mark.parametrize('name', SHIMS)
def test_a_shim_is_the_command(name, arguments, monkeypatch):
    tool = str(ROOT / 'tools' / f'{SHIMS[name]}.py')
    monkeypatch.setattr(sys, 'argv', [tool, *arguments])
    monkeypatch.setattr(sys, 'path', [*sys.path])
    by_shim = outcome(lambda: runpy.run_path(tool, run_name='__main__'))
    assert by_shim == outcome(lambda: main([name, *arguments]))
    assert by_shim[0] == (0 if arguments == ['--help'] else 2)
    assert f'usage: cite {name} ' in by_shim[1]


@pytest.mark.parametrize('path', sorted((ROOT / 'cite/commands').glob('*.py')), ids=str)
def test_a_command_is_a_short_file(path):
    assert len(path.read_text().splitlines()) <= 100


CHILD = """
import multiprocessing
def child(queue):
    import cite
    from mmcls.models import BACKBONES
    queue.put('CLIPImageBackbone' in BACKBONES.module_dict)
{script}
"""
SPAWN = """
    print('before:', 'mmcls' in sys.modules)
    multiprocessing.set_executable({python!r})
    context = multiprocessing.get_context({method!r})
    queue = context.SimpleQueue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    print('child:', queue.get())
    process.join()
"""


@pytest.mark.parametrize('method', ['spawn', 'forkserver'])
def test_a_child_process_of_the_command_registers_at_import(script, method):
    path = script()
    code = SPAWN.format(python=str(forked.python()), method=method).strip()
    text = CHILD.format(script=SCRIPT.format(code=code))
    path.write_text(text)
    printed = run(sys.executable, path, '--help', cold=True)
    assert 'before: False\n' in printed
    assert 'child: True\n' in printed


# Python runs it at its start, in every process that has its folder on the path.
AT_EXIT = """
import atexit
from mmcls.models import BACKBONES
atexit.register(lambda: print('registered:', 'CLIPImageBackbone' in BACKBONES))
"""


@pytest.mark.parametrize(
    'command',
    [
        ('-m', 'cite.version'),
        ('-m', 'cite.version', 'train'),
        ('-c', 'import cite'),
        ('{folder}/mine.py', '--help'),
    ],
    ids=' '.join,
)
def test_everything_else_registers_at_import(tmp_path, command):
    (tmp_path / 'sitecustomize.py').write_text(AT_EXIT)
    (tmp_path / 'mine.py').write_text('import cite')
    command = sys.executable, *(word.format(folder=tmp_path) for word in command)
    printed = run(*command, PYTHONPATH=f'{tmp_path}:{ROOT}')
    assert printed.endswith('registered: True\n')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('commands') / 'data', slides=2)


def test_the_console_script_trains_a_config_that_imports_cite(script, data, tmp_path):
    cfg = config(data, tmp_path / 'run', iters=2, neck='ProjectionNeck')
    cfg.custom_imports = {'imports': ['cite'], 'allow_failed_imports': False}
    cfg.checkpoint_config.interval = cfg.evaluation.interval = 2
    cfg.dump(str(tmp_path / 'config.py'))
    arguments = ('train', tmp_path / 'config.py', '--auto-resume', '--seed', 3)
    printed = run(sys.executable, script(), *arguments, OMP_NUM_THREADS='1')
    assert 'auto_resume: no checkpoint in' in printed
    assert (tmp_path / 'run' / 'iter_2.pth').is_file()


def test_a_fault_in_training_keeps_its_traceback(tmp_path):
    (tmp_path / 'config.py').write_text("raise ValueError('broken')\n")
    done = attempt(sys.executable, '-m', 'cite', 'train', tmp_path / 'config.py')
    assert done.returncode == 1
    assert 'Traceback' in done.stdout


def test_auto_resume_becomes_an_option_of_the_config():
    assert train.parse_args(['--auto-resume', '--seed', '1']).arguments == [
        *('--seed', '1', '--cfg-options', 'auto_resume=True')
    ]
    given = ['--cfg-options', 'a=1', '--auto-resume']
    assert train.parse_args(given).arguments == [
        *('--cfg-options', 'auto_resume=True', 'a=1')
    ]


def test_the_rank_that_torch_adds_is_dropped(tmp_path):
    with pytest.raises(SystemExit, match=r'no such config file'):
        main(['--local-rank=1', 'train', str(tmp_path / 'none.py')])


def test_cfg_options_are_parsed_as_mmcv_does(capsys):
    parser, reference = ArgumentParser(), ArgumentParser()
    add_cfg_options(parser)
    reference.add_argument(
        '--cfg-options', dest='options', nargs='+', action=DictAction
    )
    words = ['--cfg-options', 'a.b=1', 'c=[(1,2),x]', 'd=True', 'e=a=b', 'f=1,2.5']
    assert parser.parse_args(words) == reference.parse_args(words)
    with pytest.raises(SystemExit) as end:
        parser.parse_args(['--cfg-options', 'a.b'])
    assert end.value.code == 2
    assert 'error: --cfg-options a.b: write KEY=VALUE' in capsys.readouterr().err


def test_extract_offers_the_types_that_are_written(capsys):
    with pytest.raises(SystemExit):
        extract.parse_args(['--help'])
    assert f'--dtype {{{",".join(DTYPES)}}}' in capsys.readouterr().out


def test_compare_says_how_to_install_what_is_missing(monkeypatch, tmp_path, capsys):
    (tmp_path / 'config.py').write_text('')
    real = compare.find_spec
    monkeypatch.setattr(
        compare, 'find_spec', lambda name: None if name == 'pandas' else real(name)
    )
    with pytest.raises(SystemExit) as end:
        main(['compare', str(tmp_path / 'config.py')])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(
        'error: cite compare needs pandas: pip install jinja2 pandas'
    )


def test_compare_looks_for_all_that_its_extra_installs():
    text = Path(ROOT / 'setup.py').read_text()
    extra = re.search(r"'compare': \[(.*)\]", text)[1]
    names = re.findall(r"'([a-z0-9-]+)", extra)
    modules = ['sklearn' if name == 'scikit-learn' else name for name in names]
    assert modules == list(compare._MODULES)
