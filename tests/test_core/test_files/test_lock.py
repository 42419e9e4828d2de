"""Two runs never write the same thing; a killed run holds nothing."""

import os
import signal
import time
from contextlib import suppress

import pytest
from kills import fork

from cite.core.files.lock import lock_file, only_one


@pytest.fixture
def holder(tmp_path):
    """Return the id of a process that holds the folder, in a session of its own."""
    read_end, write_end = os.pipe()

    def hold():
        os.setsid()
        with only_one(tmp_path, 'training', 'Wait.'):
            if os.fork() == 0:  # a worker, which outlives its parent
                time.sleep(30)
            os.write(write_end, b'held')
            time.sleep(30)

    process = fork(hold)
    assert os.read(read_end, 4) == b'held'
    yield process
    os.killpg(process, signal.SIGKILL)
    with suppress(ChildProcessError):  # a test has waited for it
        os.waitpid(process, 0)


def test_the_second_run_is_told_who_is_the_first(tmp_path, holder):
    told = rf'already training there \(process {holder} on .*Wait'
    with pytest.raises(ValueError, match=told), only_one(tmp_path, 'training', 'Wait.'):
        pass


def test_a_killed_run_holds_nothing_although_its_worker_lives(tmp_path, holder):
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    with only_one(tmp_path, 'training', 'Wait.'):
        os.killpg(holder, 0)  # the worker is still there


def test_a_block_holds_until_its_end_and_leaves_no_file(tmp_path):
    file = tmp_path / 'packed.npy'
    with only_one(file, 'packing', 'Wait.'):
        second = only_one(tmp_path / '.' / 'packed.npy', 'packing', 'Wait.')
        with pytest.raises(ValueError, match=r'packed.* already packing'), second:
            pass
        with only_one(tmp_path, 'training', 'Wait.'):  # something else
            pass
    assert not [*tmp_path.iterdir()]
    with only_one(file, 'packing', 'Wait.'):
        pass


def test_a_folder_that_cannot_be_written_is_not_locked(tmp_path):
    with only_one(tmp_path / 'no such' / 'file', 'packing', 'Wait.'):
        pass
    assert lock_file(tmp_path / 'file').name == '.file.lock'


@pytest.mark.parametrize('kind', ['link', 'pipe', 'folder'])
def test_a_lock_that_is_something_else_is_left_alone(tmp_path, kind):
    precious = tmp_path / 'precious'
    precious.write_text('precious')
    (tmp_path / 'run').mkdir()
    lock = tmp_path / 'run' / '.lock'
    {
        'link': lambda: lock.symlink_to(precious),
        'pipe': lambda: os.mkfifo(lock),
        'folder': lock.mkdir,
    }[kind]()
    with only_one(tmp_path / 'run', 'training', 'Wait.'):
        pass
    assert precious.read_text() == 'precious'
