"""Killed at random moments, or stopped by a full disk, and started again."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from answer_files import contents
from commands import attempt
from full_disk import files_up_to, fill, small_disk
from kills import finish, kill_often
from slide_files import draw, write_pyramid
from tiny_training import PYTHONPATH

from cite.inference.predict.answer_slide import Options
from cite.inference.predict.jobs import find_jobs
from cite.inference.predict.manifest import read_manifests
from cite.inference.predict.predict_slide import Load
from cite.inference.predict.run import predict_slides

KILLS = 20


@pytest.fixture(scope='module')
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp('slides')
    for number, name in enumerate('abc'):
        box = (64 + 64 * number, 64, 256, 192)
        write_pyramid(folder / f'{name}.tiff', draw(640, 384, (box,)))
    return folder


@pytest.fixture
def run(predictor, slides):
    """Return a function that predicts the slides into a folder."""

    def work(out):
        torch.set_num_threads(1)
        options, load = Options(features=True), Load(batch_size=4, workers=0)
        failures = predict_slides(
            predictor, find_jobs([slides]), out, options, load, say=str
        )
        assert failures == {}

    return work


def test_killed_at_random_moments(run, tmp_path):
    """Each moment in a folder of its own, so that each kill finds work to interrupt."""
    seconds = finish(lambda: run(tmp_path / 'unbroken'))
    expected = contents(tmp_path / 'unbroken')
    assert {name.split('/')[0] for name in expected} >= {
        'manifest',
        'viewer',
        'features',
    }
    for number in kill_often(lambda number: run(tmp_path / str(number)), seconds):
        out = tmp_path / str(number)
        finish(lambda out=out: run(out))
        assert contents(out) == expected
        assert not list(out.glob('.*'))


@pytest.mark.long
@pytest.mark.parametrize('engine', [None, 'local', 'ray'])
def test_twenty_kills_of_the_command(engine, passed, slides, tmp_path, request):
    """With an engine, half of the kills are of its workers."""
    command = [sys.executable, '-m', 'cite', 'predict', str(slides), '--features']
    command += ['--model', str(passed.model), '--workers', '1']
    command += ['--engine', engine, '--jobs', '2'] if engine else []
    command += ['--out']
    environment = {**os.environ, 'PYTHONPATH': PYTHONPATH, 'OMP_NUM_THREADS': '1'}
    if engine == 'ray':
        environment['RAY_ADDRESS'] = request.getfixturevalue('cluster')
    silent = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    start = time.monotonic()
    assert subprocess.call([*command, tmp_path / 'unbroken'], env=environment) == 0
    seconds = time.monotonic() - start
    expected = contents(tmp_path / 'unbroken')
    rng = random.Random(1)
    for number in range(KILLS):
        out = tmp_path / str(number)
        process = subprocess.Popen(
            [*command, out], env=environment, start_new_session=True, **silent
        )
        time.sleep(rng.uniform(0.2, 1) * seconds)
        if engine and number % 2:
            kill_workers(process, environment.get('RAY_ADDRESS'))
        else:
            process.send_signal(signal.SIGKILL)
        process.wait()
        for _ in range(10):  # a worker of the killed run may live for half a second
            done = attempt(*command, out, **environment)
            if not done.returncode:
                break
        assert done.returncode == 0, done.stdout
        assert contents(out) == expected
        shutil.rmtree(out)


def kill_workers(process, address):
    """Kill the children of a command, or the workers of a Ray cluster's node."""
    parent, which = str(process.pid), ()
    if address:
        raylet = subprocess.check_output(['pgrep', '-f', f'raylet.*{address}'])
        parent, which = raylet.split()[0].decode(), ('-f', '^ray::')
    subprocess.call(['pkill', '-KILL', '-P', parent, *which])


def test_a_full_disk_is_said_and_what_is_written_is_whole(
    passed, slides, run, tmp_path
):
    finish(lambda: run(tmp_path / 'unbroken'))
    whole = contents(tmp_path / 'unbroken')
    disk = tmp_path / 'disk'
    command = [sys.executable, '-m', 'cite', 'predict', slides, '--features']
    command += ['--model', passed.model, '--workers', '0', '--out', disk / 'out']
    with small_disk(disk, '4m'):
        first = sum(
            len(data) for name, data in whole.items()
            if name.partition('/')[2].startswith('a') and isinstance(data, bytes)
        )  # fmt: skip
        ballast = fill(disk, but=first * 2 + (200 << 10))
        done = attempt(*command, OMP_NUM_THREADS='1')
        assert done.returncode == 2, done.stdout
        assert done.stdout.splitlines()[-1].startswith('error: ')
        assert 'No space left on device' in done.stdout.splitlines()[-1]
        assert 'Traceback' not in done.stdout
        names = [manifest['id'] for manifest in read_manifests(disk / 'out')]
        kept = contents(disk / 'out')
        for name in names:
            kept_files = [n for n in kept if n.partition('/')[2].startswith(name)]
            assert kept_files
            assert all(kept[n] == whole[n] for n in kept_files)
        assert not list((disk / 'out').glob('.*.partial'))
        ballast.unlink()
        done = attempt(*command, OMP_NUM_THREADS='1')
        assert done.returncode == 0, done.stdout
        assert contents(disk / 'out') == whole


def test_a_file_that_may_not_grow_is_said(passed, slides, run, tmp_path):
    """As beyond the largest file of a file system; needs no root."""
    finish(lambda: run(tmp_path / 'unbroken'))
    whole = contents(tmp_path / 'unbroken')
    out, features = tmp_path / 'out', (tmp_path / 'unbroken/features').iterdir()
    command = [sys.executable, '-m', 'cite', 'predict', slides, '--features']
    command += ['--model', passed.model, '--workers', '0', '--out', out]
    with files_up_to(min(path.stat().st_size for path in features) - 1):
        done = attempt(*command, OMP_NUM_THREADS='1')
    assert done.returncode == 2, done.stdout
    lines = done.stdout.splitlines()
    assert [line[:6] for line in lines] == ['[1/3] ', 'error:']
    assert all('[Errno 27] File too large: ' in line for line in lines)
    assert all('/features/a.h5' in line for line in lines)
    assert not [*read_manifests(out)]
    assert not list(out.glob('.*.partial'))
    done = attempt(*command, OMP_NUM_THREADS='1')
    assert done.returncode == 0, done.stdout
    assert contents(out) == whole
