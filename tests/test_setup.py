"""The set-up: which Python it takes, when it makes the environment anew, what it pins.

uv, and the Python in the environment that it makes, are dummies, because a real
installation takes minutes and a network.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
VERSION = '{}.{}'.format(*sys.version_info)

# `uv venv` makes a folder with a Python that finds no page of wheels (`python -`) and
# succeeds otherwise; every call is written down; the call with $UV_FAILS in it fails.
UV = """#!/usr/bin/env bash
echo "$*" >>"$UV_LOG"
if [ -n "$UV_FAILS" ] && [[ "$*" == *$UV_FAILS* ]]; then exit 1; fi
if [[ "$*" == *'-r -' ]]; then cat >/dev/null; fi
if [ "$1" = venv ]; then
  mkdir -p "${@: -1}/bin"
  touch "${@: -1}/pyvenv.cfg"
  printf '%s\\n' '#!/bin/sh' '[ "$1" != - ]' >"${@: -1}/bin/python"
  chmod +x "${@: -1}/bin/python"
fi
"""

# What `make test STACK=… VENV=…` around these tests hands on to a make inside them.
LEAKS = ('STACK', 'VENV', 'ARGS', 'MODERN', 'MAKEFLAGS', 'MFLAGS', 'MAKEOVERRIDES')
LEAKS += ('MAKELEVEL', 'MMCV', 'MMCV_FIND_LINKS', 'VIRTUAL_ENV')


def executable(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


class Checkout:
    """A checkout with what the set-up reads, and dummies on PATH."""

    def __init__(self, root: Path) -> None:
        self.root = root / 'checkout'
        self.log = root / 'log'
        self.stand_ins = root / 'bin'
        for name in ('tools/env', 'requirements', 'cite/apis/mmcv_build'):
            shutil.copytree(ROOT / name, self.root / name)
        for name in ('Makefile', 'requirements.txt', 'setup.py'):
            shutil.copy(ROOT / name, self.root)
        executable(self.stand_ins / 'uv', UV)
        self.pythons('3.9', '3.11', '3.13')
        self.gpu('')

    def pythons(self, *versions: str) -> None:
        text = f'case $1 in {"|".join(versions)}) echo python$1 ;; *) exit 1 ;; esac'
        executable(self.root / 'tools/env/find_python.sh', f'#!/bin/sh\n{text}\n')

    def gpu(self, capability: str) -> None:
        code = f'echo {capability}' if capability else 'exit 9'
        executable(self.stand_ins / 'nvidia-smi', f'#!/bin/sh\n{code}\n')

    def make(self, *words: str, **environ: str) -> 'subprocess.CompletedProcess[str]':
        clean = {k: v for k, v in os.environ.items() if k not in LEAKS}
        clean.update(
            PATH=f'{self.stand_ins}:{os.environ["PATH"]}',
            UV_LOG=str(self.log),
            UV_FAILS='',
            CXX='true',
        )
        return subprocess.run(
            ['make', 'env', *words],
            cwd=self.root,
            env={**clean, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )

    def calls(self) -> str:
        text = self.log.read_text() if self.log.exists() else ''
        self.log.write_text('')
        return text


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    if shutil.which('make') is None:
        pytest.skip('needs make')
    return Checkout(tmp_path)


def test_second_run_does_nothing(checkout: Checkout) -> None:
    assert checkout.make().returncode == 0
    calls = checkout.calls()
    assert '--python python3.9 .venv' in calls
    assert ' mmcv==1.7.2' in calls
    assert 'mmcv-full' not in calls
    assert 'up to date: the reference stack' in checkout.make().stdout
    assert checkout.calls() == ''


@pytest.mark.parametrize('name', ['requirements.txt', 'requirements/mmcv.txt'])
def test_changed_requirements_make_it_anew(checkout: Checkout, name: str) -> None:
    checkout.make()
    left_over = checkout.root / '.venv' / 'left_over'
    left_over.touch()
    with (checkout.root / name).open('a') as file:
        file.write('\n')
    assert 'is ready' in checkout.make().stdout
    assert not left_over.exists()


@pytest.mark.parametrize('word', ['venv', '-r -', '-e .'])
def test_interrupted_set_up_is_not_taken_for_finished(
    checkout: Checkout, word: str
) -> None:
    checkout.make('STACK=modern')
    for stack in ('reference', 'modern'):
        assert checkout.make(f'STACK={stack}', UV_FAILS=word).returncode != 0
    assert 'is ready' in checkout.make('STACK=modern').stdout


def test_folder_keeps_its_stack_until_another_is_named(checkout: Checkout) -> None:
    checkout.make('STACK=modern')
    calls = checkout.calls()
    assert '--python python3.11 .venv' in calls
    assert 'mmcv==1.7.2' in calls
    assert 'up to date: the modern stack' in checkout.make().stdout
    checkout.make('STACK=reference', 'VENV=.venv-reference')
    assert 'up to date: the modern stack' in checkout.make().stdout
    assert 'it held the modern stack' in checkout.make('STACK=reference').stdout
    assert '--python python3.9 .venv\n' in checkout.calls()


def test_without_python_39_the_modern_stack(checkout: Checkout) -> None:
    checkout.pythons('3.11', '3.13')
    made = checkout.make(UV_FAILS='python install')
    assert 'no Python 3.9' in made.stdout
    assert 'the modern stack' in made.stdout
    assert '--python python3.11 .venv' in checkout.calls()
    assert 'up to date' in checkout.make('STACK=reference').stdout


def test_without_any_python_it_says_so(checkout: Checkout) -> None:
    checkout.pythons('2.7')
    made = checkout.make(UV_FAILS='python install')
    assert made.returncode != 0
    assert 'no Python 3.11' in made.stdout
    assert not (checkout.root / '.venv').exists()


@pytest.mark.parametrize(
    ('capability', 'stack', 'python'),
    [
        ('8.6', 'reference', '3.9'),
        ('9.0', 'modern', '3.11'),
        ('12.0', 'modern', '3.11'),
    ],
)
def test_the_stack_that_drives_the_gpu(
    checkout: Checkout, capability: str, stack: str, python: str
) -> None:
    checkout.gpu(capability)
    made = checkout.make()
    assert f'capability {capability}: taking the {stack} stack' in made.stdout
    assert f'--python python{python} .venv' in checkout.calls()
    assert f'up to date: the {stack} stack' in checkout.make().stdout


def test_without_a_gpu_it_says_which_stack_and_why(checkout: Checkout) -> None:
    assert 'no GPU here: taking the reference stack' in checkout.make().stdout


def test_the_current_stack_changes_no_package(checkout: Checkout) -> None:
    made = checkout.make('STACK=current')
    assert made.returncode == 0
    assert '--python python3.13 .venv' in checkout.calls()
    assert 'next: source .venv/bin/activate' in made.stdout


def test_a_long_wait_is_said(checkout: Checkout) -> None:
    slow = UV.replace(
        'if [ "$1" = venv ]', 'if [ "$1" = pip ]; then sleep 2; fi\nif [ "$1" = venv ]'
    )
    executable(checkout.stand_ins / 'uv', slow)
    script = checkout.root / 'tools/env/make_env.sh'
    text = script.read_text()
    assert '-ge 10 ]' in text  # seconds; one will do here
    script.write_text(text.replace('-ge 10 ]', '-ge 1 ]'))
    assert 'still at work' in checkout.make('STACK=current').stdout


def test_mmcv_full_is_compiled_on_request_and_kept(checkout: Checkout) -> None:
    assert checkout.make('MMCV=full').returncode == 0
    assert 'mmcv-full==1.7.2' in checkout.calls()
    assert 'up to date' in checkout.make().stdout


def test_without_compiler_plain_mmcv(checkout: Checkout) -> None:
    made = checkout.make('MMCV=full', CXX='false')
    assert made.returncode == 0
    assert 'no C++ compiler' in made.stdout
    calls = checkout.calls()
    assert 'mmcv==1.7.2' in calls
    assert 'mmcv-full' not in calls


def test_mmcv_full_that_does_not_compile(checkout: Checkout) -> None:
    made = checkout.make('MMCV=full', UV_FAILS='mmcv-full')
    assert made.returncode == 0
    assert 'did not compile' in made.stdout
    assert checkout.calls().count(' mmcv==1.7.2') == 1


def test_environment_of_someone_else_stays(checkout: Checkout) -> None:
    precious = checkout.root / '.venv' / 'pyvenv.cfg'
    precious.parent.mkdir()
    precious.write_text('home = /usr/bin\n')
    made = checkout.make()
    assert made.returncode != 0
    assert 'did not make' in made.stdout
    assert precious.exists()


def test_unknown_stack_is_named(checkout: Checkout) -> None:
    made = checkout.make('STACK=moderm')
    assert made.returncode != 0
    assert 'STACK=moderm is unknown' in made.stdout


def find_python(tmp_path: Path, version: str) -> 'subprocess.CompletedProcess[str]':
    """Search where PATH holds but a pyenv shim that refuses, and the shell's tools."""
    path = tmp_path / 'bin'
    executable(path / f'python{version}', '#!/bin/sh\nexit 127\n')
    for tool in ('bash', 'env', 'ls'):
        (path / tool).symlink_to(shutil.which(tool) or tool)
    return subprocess.run(
        [str(ROOT / 'tools/env/find_python.sh'), version],
        env={'PATH': str(path), 'HOME': str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_python_behind_a_shim_that_refuses(tmp_path: Path) -> None:
    real = tmp_path / '.pyenv' / 'versions' / f'{VERSION}.99' / 'bin'
    real.mkdir(parents=True)
    base = sys._base_executable  # type: ignore[attr-defined]
    executable(real / f'python{VERSION}', f'#!/bin/sh\nexec {base} "$@"\n')
    found = find_python(tmp_path, VERSION)
    assert found.returncode == 0
    assert os.path.realpath(found.stdout.strip()) == os.path.realpath(base)


def test_no_python_that_runs(tmp_path: Path) -> None:
    found = find_python(tmp_path, VERSION)
    assert found.returncode == 1
    assert found.stdout == ''


def pins(name: str) -> 'dict[str, str]':
    lines = (ROOT / name).read_text().splitlines()
    parsed = [Requirement(line) for line in lines if line.split('#')[0].strip()]
    for pin in parsed:
        assert [s.operator for s in pin.specifier] == ['=='], f'{name}: {pin}'
    return {p.name.lower(): next(iter(p.specifier)).version for p in parsed}


REFERENCE = {'torch': '1.13.0', 'torchvision': '0.14.0', 'numpy': '1.26.4'}
MODERN = {'torch': '2.8.0', 'torchvision': '0.23.0', 'mmcv': '1.7.2'}


@pytest.mark.parametrize(
    ('name', 'wanted'),
    [
        ('requirements.txt', REFERENCE),
        ('requirements/modern.txt', MODERN),
        ('requirements/current.txt', {'mmcv': '1.7.2'}),
    ],
)
def test_pins_are_exact_and_the_ranges_admit_them(
    name: str, wanted: 'dict[str, str]'
) -> None:
    found = pins(name)
    wanted = {**wanted, 'mmcls': '0.25.0', 'clip-anytorch': '2.6.0'}
    assert {key: found[key] for key in wanted} == wanted
    code = 'import distutils.core as d, setuptools; '
    code += 's = d.run_setup("setup.py", stop_after="init"); '
    code += 'print("\\n".join([*s.install_requires, *s.extras_require["compare"]]))'
    ranges = subprocess.run(
        [sys.executable, '-c', 'import setuptools; ' + code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(ranges) > 10
    for requirement in map(Requirement, ranges):
        assert found[requirement.name] in requirement.specifier
