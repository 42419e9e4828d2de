"""What a run prints before its first loss, and how many threads it takes."""

import os
import re
import sys

import pytest
from commands import ROOT, attempt, run

from cite import __version__
from cite.start import environment_hint, usable_cores

CONFIG = ROOT / 'configs/demo/cite_tiny-clip_tiny-bert.py'
# What other packages say about themselves.
NOISE = ('Warning', 'MMCV will release', 'pkg_resources', 'CUDA runtime', 'same before')
NOISE += ('not a git repository',)


@pytest.fixture(scope='module')
def printed(tmp_path_factory):
    """Train as a user does who has set nothing; the output and the log file."""
    data = tmp_path_factory.mktemp('screen')
    command = (sys.executable, ROOT / 'tools/demo.py', '--data-only', '--data', data)
    run(*command, '--slides', 4, '--patches', 2)
    run(sys.executable, '-m', 'cite', 'ann', '--data-path', data, '--val', 0.5)
    options = ('runner.max_iters=2', 'log_config.interval=1')
    process = attempt(
        *(sys.executable, '-m', 'cite', 'train', CONFIG, '--work-dir', data / 'run'),
        *('--no-validate', '--cfg-options', *options),
        DEMO_DATA=str(data),
        PYTHONWARNINGS='',
        cold=True,
        cwd=data,  # outside a repository
    )
    assert process.returncode == 0, process.stdout
    (log,) = (data / 'run').glob('*.log')
    return process.stdout, log.read_text(encoding='utf-8')


def test_few_lines_before_the_first_loss(printed):
    lines = printed[0].split('\n')
    first = next(i for i, line in enumerate(lines) if ' loss: ' in line)
    assert first <= 20, '\n'.join(lines[:first])
    assert not [line for line in lines if any(word in line for word in NOISE)]


def test_the_log_file_has_what_the_screen_does_not(printed):
    screen, log = printed
    for words in (
        'Environment info:',
        f'CITE: {__version__}',
        'Config:',
        'neck.weight - torch.Size',
        ' loss: ',
    ):
        assert words in log
    assert re.search(r'config and environment: \S+\.log', screen)


@pytest.mark.parametrize(
    ('file', 'content', 'cores'),
    [
        ('cpu.max', 'max 100000', None),
        ('cpu.max', '150000 100000', 2),
        ('cpu.max', '50000 100000', 1),
        ('cpu/cpu.cfs_quota_us', '-1', None),
        ('cpu/cpu.cfs_quota_us', '100000', 1),
    ],
)
def test_cores_of_a_container(tmp_path, monkeypatch, file, content, cores):
    monkeypatch.setattr(os, 'sched_getaffinity', lambda _: range(8), raising=False)
    (tmp_path / 'cpu').mkdir()
    (tmp_path / 'cpu/cpu.cfs_period_us').write_text('100000')
    (tmp_path / file).write_text(content)
    assert usable_cores(tmp_path) == (cores or 8)
    assert usable_cores(tmp_path / 'none') == 8


def test_outside_its_environment_it_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert environment_hint() == ''
    (tmp_path / '.venv/bin').mkdir(parents=True)
    (tmp_path / '.venv/bin/activate').touch()
    assert 'source .venv/bin/activate' in environment_hint()
    monkeypatch.setattr(sys, 'prefix', str(tmp_path / '.venv'))
    assert environment_hint() == ''
