"""How commands end: a user's mistake is a sentence, a fault of ours a traceback."""

from pathlib import Path

import numpy as np
import pytest
from mmcv.utils import Registry

from cite.apis.cli import add_cfg_options, make_parser, run_cli
from cite.apis.config_file import find_config


def test_success_is_exit_code_zero(capsys):
    with pytest.raises(SystemExit) as end:
        run_cli(lambda: print('done'))
    assert end.value.code == 0
    assert capsys.readouterr() == ('done\n', '')


@pytest.mark.parametrize(
    'error',
    [
        ValueError('x.csv:3: wrong'),
        TypeError('not so'),
        FileNotFoundError('x.csv: no such table'),
        PermissionError('may not'),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(capsys, error):
    def main():
        raise error

    with pytest.raises(SystemExit) as end:
        run_cli(main)
    assert end.value.code == 2
    assert capsys.readouterr() == ('', f'error: {error}\n')


def test_of_a_run_only_our_own_sentences_come_without_a_traceback(capsys):
    """Through mmcv's registry, which raises them again; others' parts run, too."""

    def build(part):
        registry = Registry('part')
        registry.register_module('Part', module=part)
        return lambda: registry.build({'type': 'Part'})

    with pytest.raises(SystemExit) as end:
        run_cli(build(lambda: find_config('none.py')), only_ours=True)
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith('error: <lambda>: none.py')
    with pytest.raises(ValueError, match='could not convert'):
        run_cli(build(lambda: float('x')), only_ours=True)
    with pytest.raises(ValueError, match='could not convert'):
        run_cli(lambda: np.asarray(['x']).astype(float), only_ours=True)


def test_our_own_faults_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run_cli(lambda: 1 / 0)


def test_a_text_that_mmcv_cannot_read_is_a_mistake(capsys):
    parser = make_parser('check', None)
    add_cfg_options(parser)
    with pytest.raises(SystemExit) as end:
        parser.parse_args(['--cfg-options', r'data.train.slide=(\w{2,4})_\d'])
    assert end.value.code == 2
    assert 'write a text with brackets and commas into the config' in (
        capsys.readouterr().err
    )
    options = parser.parse_args(['--cfg-options', r'data.train.slide=(.+)_\d']).options
    assert options == {'data.train.slide': r'(.+)_\d'}


@pytest.mark.parametrize('value', ['a.b=data/my slides/x.txt', "a={'b': 1}", 'a=[1,2'])
def test_a_value_that_mmcv_would_change_is_a_mistake(capsys, value):
    parser = make_parser('check', None)
    add_cfg_options(parser)
    with pytest.raises(SystemExit) as end:
        parser.parse_args(['--cfg-options', value])
    assert end.value.code == 2
    assert value.partition('=')[2] in capsys.readouterr().err


def test_options_in_two_lists_all_count():
    parser = make_parser('check', None)
    add_cfg_options(parser)
    lists = ['--cfg-options', 'a=1', '--cfg-options', 'b=2', 'c=x']
    assert parser.parse_args(lists).options == {'a': 1, 'b': 2, 'c': 'x'}


def test_a_path_of_an_unknown_user_is_a_mistake(capsys):
    with pytest.raises(SystemExit) as end:
        run_cli(lambda: Path('~no-such-user/x').expanduser())
    assert end.value.code == 2
    assert 'correct the path after ~' in capsys.readouterr().err
