"""What writes: one run at a time, and a full disk is said and costs nothing."""

import os
import re
import signal
import sys
import time
import traceback

import pytest
from full_disk import files_up_to, fill, small_disk
from writers import OF_A_FOLDER, WRITERS, SlideFailed, export_model, make_inputs

from cite.core.files.lock import only_one

# Whole runs of mim: that the second is refused is enough here.
SLOW = ('repeat', 'compare')


@pytest.fixture(scope='module')
def inputs(tmp_path_factory):
    os.environ.setdefault('CITE_CACHE', 'off')
    return make_inputs(tmp_path_factory.mktemp('writers') / 'inputs')


def files_of(folder):
    paths = [path for path in folder.rglob('*') if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def hold(target):
    """Start a process that holds a file or folder; return its number."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        with only_one(target, 'writing', 'Wait.'):
            os.write(writer, b'held')
            time.sleep(60)
        os._exit(0)
    assert os.read(reader, 4) == b'held'
    return child


@pytest.mark.parametrize('name', WRITERS)
def test_a_second_run_is_refused_until_the_first_is_killed(inputs, tmp_path, name):
    writer = WRITERS[name]
    if name in OF_A_FOLDER:
        export_model(inputs, tmp_path)
    target = tmp_path / writer.target
    (target if writer.target.endswith('/') else target.parent).mkdir(
        parents=True, exist_ok=True
    )
    first = hold(target)
    before = files_of(tmp_path)
    with pytest.raises(ValueError, match=rf'{target}: .*\(process {first} on '):
        writer.write(inputs, tmp_path)
    assert files_of(tmp_path) == before
    os.kill(first, signal.SIGKILL)
    os.waitpid(first, 0)
    if name not in SLOW:
        writer.write(inputs, tmp_path)
        assert not [path for path in files_of(tmp_path) if path.endswith('.lock')]


FULL = r'No space left.*/disk/|/disk/.*(No space left|are free)'


def in_a_child(work, words=FULL):
    """Run something that may end its process; return the status of its end.

    It is 3 if an OSError, or a slide that failed, says these words.
    """
    sys.stdout.flush()
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except (OSError, SlideFailed) as error:
            print(error)
            os._exit(3 if re.search(words, f'{error}') else 4)
        except BaseException:
            traceback.print_exc()
            os._exit(5)
    return os.waitpid(child, 0)[1]


# With some room a large file breaks off inside, without it nothing can be made.
@pytest.mark.parametrize('room', [0, 8192])
@pytest.mark.parametrize('name', [n for n in WRITERS if n not in SLOW])
def test_a_full_disk_is_said_and_costs_nothing(inputs, tmp_path, name, room):
    if room and name in ('export a folder', 'calibrate'):
        pytest.skip('its files are smaller than the room')
    writer = WRITERS[name]
    with small_disk(tmp_path / 'disk', '8m') as disk:
        out = disk / 'out'
        out.mkdir()
        if name in OF_A_FOLDER:
            export_model(inputs, out)
        elif name != 'train':
            writer.write(inputs, out)
            if name in ('tile', 'predict', 'extract', 'pack'):  # nothing to do again
                removed = [p for p in out.rglob('*') if p.suffix in ('.npy', '.json')]
                for path in removed:
                    path.unlink()
        before = files_of(out)
        ballast = fill(disk, but=room)
        status = in_a_child(lambda: writer.write(inputs, out))
        assert not status & 127, f'ended by signal {status & 127}'
        assert status >> 8 == 3
        after = files_of(out)
        assert not [path for path, content in before.items() if after[path] != content]
        assert not [path for path in after if path.endswith('.partial')]
        ballast.unlink()
        writer.write(inputs, out)
        assert {*before} <= {*files_of(out)}


@pytest.mark.parametrize('name', [n for n in WRITERS if n not in SLOW])
def test_a_file_that_may_not_grow_is_said_and_costs_nothing(inputs, tmp_path, name):
    """A limit on the size of files, which needs no root."""
    out, whole = tmp_path / 'disk', tmp_path / 'whole'
    for folder in (out, whole):
        folder.mkdir()
        if name in OF_A_FOLDER:
            export_model(inputs, folder)
    before = files_of(out)
    WRITERS[name].write(inputs, whole)
    written = [text for path, text in files_of(whole).items() if path not in before]
    largest = max(map(len, written or files_of(whole).values()))

    def limited():
        with files_up_to(largest // 2):
            WRITERS[name].write(inputs, out)

    status = in_a_child(limited, 'File too large')
    assert not status & 127, f'ended by signal {status & 127}'
    assert status >> 8 == 3
    after = files_of(out)
    assert not [path for path, content in before.items() if after[path] != content]
    if name != 'pack':  # which goes on from its partial file
        assert not [path for path in after if path.endswith('.partial')]
    WRITERS[name].write(inputs, out)
    assert {*files_of(out)} == {*files_of(whole)}
