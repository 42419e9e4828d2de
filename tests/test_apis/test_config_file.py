import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from commands import ROOT, attempt

from cite.apis.config_file import find_config, read_config, set_variables


@pytest.fixture
def repository(tmp_path, monkeypatch):
    folder = tmp_path / 'configs' / 'glas'
    folder.mkdir(parents=True)
    (folder / 'cite_vit-tiny_minilm.py').write_text('model = None\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_config_that_is_there_is_returned(repository):
    path = 'configs/glas/cite_vit-tiny_minilm.py'
    assert find_config(path).read_text() == 'model = None\n'


@pytest.mark.parametrize(
    ('name', 'meant'),
    [
        ('configs/glas/cite_vit-tiny.py', r'Is it configs/glas/cite_vit-tiny_min'),
        ('zzz', r'Configs are in configs/\.'),
        ('configs/glas', 'Is it configs/glas/cite'),  # a folder
    ],
)
def test_one_that_is_not_is_named_with_those_like_it(repository, name, meant):
    with pytest.raises(FileNotFoundError, match=rf'{name}: no such config.*{meant}'):
        find_config(name)


def test_a_part_of_configs_is_not_proposed(repository):
    part = repository / 'configs' / 'glas' / '_base_' / 'cite_vit-tiny.py'
    part.parent.mkdir()
    part.write_text('model = None\n')
    with pytest.raises(FileNotFoundError, match=r'Is it configs/glas/cite[^ ]*\?$'):
        find_config('configs/glas/cite_vit-tiny.py')


def test_variables_are_set_and_unset_for_a_while(monkeypatch):
    monkeypatch.setenv('SHOTS', '4')
    monkeypatch.delenv('SPLIT', raising=False)
    with suppress(ZeroDivisionError), set_variables({'SHOTS': None, 'SPLIT': '3'}):
        assert 'SHOTS' not in os.environ
        assert os.environ['SPLIT'] == '3'
        os.environ['SPLIT'] = 'changed within'
        raise ZeroDivisionError
    assert os.environ['SHOTS'] == '4'
    assert 'SPLIT' not in os.environ
    with set_variables({'NOT_SET': None}):
        pass


def test_a_config_is_read_with_variables_and_options(repository, monkeypatch):
    monkeypatch.setenv('SHOTS', '4')
    path = repository / 'config.py'
    path.write_text("import os\nshots = os.environ.get('SHOTS')\nmodel = dict(a=1)\n")
    assert read_config(path).shots == '4'
    cfg = read_config(path, {'model.b': 2}, {'SHOTS': None})
    assert cfg.shots is None
    assert cfg.model == {'a': 1, 'b': 2}
    with pytest.raises(FileNotFoundError, match=r'none\.py: no such config file'):
        read_config('none.py')


def test_options_may_name_modules_to_import(repository, monkeypatch):
    (repository / 'my_module.py').write_text('')
    monkeypatch.syspath_prepend(str(repository))
    path = repository / 'config.py'
    path.write_text("custom_imports = dict(imports=['json'])\n")
    read_config(path, {'custom_imports.imports': ['my_module']})
    assert 'my_module' in sys.modules


def test_mmcls_commands_of_ours_say_so_too(repository):
    command = sys.executable, '-m', 'cite', 'train', 'configs/nope.py'
    done = attempt(*command, cwd=repository)
    assert done.returncode == 1
    assert 'error: configs/nope.py: no such config file.' in done.stdout
    assert 'Traceback' not in done.stdout


def test_without_mmcv_one_sentence_says_how_to_get_it():
    code = (
        'import importlib.util as u; real = u.find_spec; '
        'u.find_spec = lambda name, *a: None if name == "mmcv" else real(name, *a); '
        'import cite'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert 'ImportError: cite needs mmcv 1.7' in done.stderr


def test_a_config_beside_the_missing_one_is_proposed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path('mine').mkdir()
    Path('mine/cite.py').touch()
    for wrong in ('mine/cite', 'mine/cit.py', 'mine/cite.yp'):
        with pytest.raises(FileNotFoundError, match=r'Is it mine/cite\.py\?$'):
            find_config(wrong)
