import os
import subprocess
import sys
from pathlib import Path

import pytest

from cite.apis.config_file import find_config

ROOT = Path(__file__).parents[2]


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


def test_mmcls_commands_of_ours_say_so_too(repository):
    done = subprocess.run(
        [sys.executable, '-m', 'cite', 'train', 'configs/nope.py'],
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'PYTHONWARNINGS': 'ignore'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert 'error: configs/nope.py: no such config file.' in done.stderr
    assert 'Traceback' not in done.stderr


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
