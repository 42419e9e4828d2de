"""What `pip install .` brings: the package with its files, and the command."""

import configparser
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'model-index.yml')
BUILD = 'import sys, setuptools.build_meta as b; b.build_{}(sys.argv[1])'


def built(folder, kind='wheel'):
    """Build a copy of the checkout, called cite, into a folder."""
    ignored = shutil.ignore_patterns('__pycache__', '.*')
    for name in ('cite', 'demo', 'benchmarks', 'tests', 'tools', 'configs'):
        shutil.copytree(ROOT / name, folder / 'cite' / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder / 'cite')
    done = subprocess.run(
        [sys.executable, '-c', BUILD.format(kind), str(folder)],
        cwd=folder / 'cite',
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = folder.glob('cite-*.whl')
    return zipfile.ZipFile(path)


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    with built(tmp_path_factory.mktemp('wheel')) as archive:
        yield archive


def test_a_clone_called_cite_hides_no_installation(tmp_path):
    with built(tmp_path, 'editable') as archive:
        archive.extractall(tmp_path / 'site')
    code = f'import site; site.addsitedir({str(tmp_path / "site")!r}); import cite; '
    done = subprocess.run(
        [sys.executable, '-S', '-c', f'{code}print(cite.__file__)'],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={'PATH': ''},
    )
    # Without the site-packages there is no torch: the package itself says so.
    assert 'cite needs torch' in done.stderr


def test_only_the_package_is_installed(wheel):
    folders = {name.split('/')[0] for name in wheel.namelist()}
    (information,) = (name for name in folders if name.endswith('.dist-info'))
    assert folders == {'cite', information}


def test_all_modules_and_data_files_are_installed(wheel):
    suffixes = ('.py', '.yml', '.yaml', '.j2', '.html', '.css', '.js', '.txt')
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / 'cite').rglob('*')
        if path.suffix in suffixes
    }
    installed = {name for name in wheel.namelist() if name.startswith('cite/')}
    assert {name for name in installed if not name.startswith('cite/.mim/')} == files
    names = {Path(name).name for name in installed}
    assert {'page.html.j2', 'style.css', 'script.js'} <= names


def test_the_command_is_installed(wheel):
    (name,) = (n for n in wheel.namelist() if n.endswith('entry_points.txt'))
    parser = configparser.ConfigParser()
    parser.read_string(wheel.read(name).decode())
    assert dict(parser['console_scripts']) == {'cite': 'cite.__main__:main'}


def test_what_only_compare_needs_is_an_extra(wheel):
    (name,) = (n for n in wheel.namelist() if n.endswith('METADATA'))
    lines = wheel.read(name).decode().splitlines()
    for package in ('jinja2', 'pandas', 'scikit-learn'):
        needed = [x for x in lines if x.startswith(f'Requires-Dist: {package}')]
        assert needed
        assert all('extra ==' in line for line in needed)


def test_the_configs_are_installed(wheel):
    shipped = {
        f'cite/.mim/{path.relative_to(ROOT).as_posix()}'
        for path in (ROOT / 'configs').rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }
    installed = {n for n in wheel.namelist() if n.startswith('cite/.mim/')}
    assert installed == {*shipped, 'cite/.mim/model-index.yml'}
    assert len(shipped) > 100
    imported = wheel.read('cite/.mim/model-index.yml').decode().split('- ')[1:]
    metafiles = {n for n in shipped if n.endswith('metafile.yml')}
    assert {f'cite/.mim/{name.strip()}' for name in imported} == metafiles
