"""``cite tile`` killed at random moments, or stopped by a full disk."""

import os
import random
import subprocess
import sys
import time

import pytest
from commands import attempt
from full_disk import files_up_to, fill, small_disk
from kills import finish, kill_often
from slide_files import draw, write_pyramid
from tiny_training import PYTHONPATH

from cite.apis.tile import TileSettings, tile_slides

SMALL = TileSettings(patch_pixels=64, format='png')
KILLS = 20


@pytest.fixture(scope='module')
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp('slides')
    for number, name in enumerate('abc'):
        box = (64 + 64 * number, 64, 640, 512)
        write_pyramid(folder / f'{name}.tiff', draw(1024, 768, (box,)))
    return folder


def contents(out):
    """Return all files of a data set, and that none is left half-written."""
    files = {
        str(p.relative_to(out)): p.read_bytes() for p in out.rglob('*') if p.is_file()
    }
    assert not [name for name in files if name.endswith('.partial')]
    return {name: data for name, data in files.items() if name != '.lock'}


def test_killed_at_random_moments(slides, tmp_path):
    def run(out):
        tiled = tile_slides([slides], out, SMALL, say=lambda line: None)
        assert not tiled.failed

    seconds = finish(lambda: run(tmp_path / 'unbroken'))
    expected = contents(tmp_path / 'unbroken')
    for number in kill_often(lambda number: run(tmp_path / str(number)), seconds):
        out = tmp_path / str(number)
        finish(lambda out=out: run(out))
        assert contents(out) == expected


@pytest.mark.long
def test_twenty_kills_of_the_command(slides, tmp_path):
    command = [sys.executable, '-m', 'cite', 'tile', slides, '--format', 'png']
    command += ['--patch-pixels', '64', '--out']
    environment = {**os.environ, 'PYTHONPATH': PYTHONPATH}
    silent = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    start = time.monotonic()
    assert subprocess.call([*command, tmp_path / 'unbroken'], env=environment) == 0
    seconds = time.monotonic() - start
    expected = contents(tmp_path / 'unbroken')
    rng = random.Random(1)
    for number in range(KILLS):
        out = tmp_path / str(number)
        process = subprocess.Popen([*command, out], env=environment, **silent)
        time.sleep(rng.uniform(0.2, 1) * seconds)
        process.kill()
        process.wait()
        assert subprocess.call([*command, out], env=environment, **silent) == 0
        assert contents(out) == expected


def test_a_full_disk_is_said_and_what_is_written_is_whole(slides, tmp_path):
    tile_slides([slides], tmp_path / 'unbroken', SMALL, say=lambda line: None)
    whole = contents(tmp_path / 'unbroken')
    total = sum(map(len, whole.values()))
    disk = tmp_path / 'disk'
    command = [sys.executable, '-m', 'cite', 'tile', slides, '--format', 'png']
    command += ['--patch-pixels', '64', '--out', disk / 'out']
    with small_disk(disk, f'{3 * total // 1024}k'):
        ballast = fill(disk, but=total // 2)
        done = attempt(*command)
        assert done.returncode == 2, done.stdout
        assert 'No space left on device' in done.stdout.splitlines()[-1]
        assert 'Traceback' not in done.stdout
        for name, data in contents(disk / 'out').items():
            begun = name.startswith('done/') and b'"names"' not in data
            assert begun or name in ('slides.csv', 'tile.json') or data == whole[name]
        ballast.unlink()
        done = attempt(*command)
        assert done.returncode == 0, done.stdout
        assert contents(disk / 'out') == whole


def test_a_file_that_may_not_grow_ends_the_run(slides, tmp_path):
    """As beyond a quota or the largest file of a file system; needs no root."""
    tile_slides([slides], tmp_path / 'unbroken', SMALL, say=lambda line: None)
    whole = contents(tmp_path / 'unbroken')
    command = [sys.executable, '-m', 'cite', 'tile', slides, '--format', 'png']
    command += ['--patch-pixels', '64', '--out', tmp_path / 'out']
    tiles = [len(data) for name, data in whole.items() if name.startswith('patches')]
    with files_up_to(max(tiles) - 1):
        done = attempt(*command)
    assert done.returncode == 2, done.stdout
    assert 'File too large' in done.stdout.splitlines()[-1]
    assert 'Traceback' not in done.stdout
    contents(tmp_path / 'out')
    done = attempt(*command)
    assert done.returncode == 0, done.stdout
    assert contents(tmp_path / 'out') == whole
