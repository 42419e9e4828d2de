import os
import signal
import time
from concurrent.futures import _base

import pytest
from PIL import Image

from cite.apis.check import images


def endless(paths, decode):
    if paths == ['last']:
        time.sleep(3600)
    return []


def interrupted(paths, decode):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    except KeyboardInterrupt:
        return [('interrupted', paths[0], '')]
    return []


@pytest.mark.timeout(120)
def test_an_interrupt_waits_for_no_image_under_way(monkeypatch):
    monkeypatch.setattr(images, 'look_at', endless)
    found = images._on_all_cores([['first'], ['last']], 2, True)
    assert next(found) == (1, [])
    found.close()  # an interrupt has this effect


@pytest.mark.timeout(60)
def test_an_interrupt_leaves_no_lock_taken(monkeypatch):
    """As if Ctrl-C came just when the locks of all tasks have been taken."""
    take = _base._AcquireFutures.__enter__

    def interrupted(futures):
        take(futures)
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(_base._AcquireFutures, '__enter__', interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(images._on_all_cores([['gone']] * 9, 1, False))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_workers_leave_the_interrupt_to_the_command(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(images, 'look_at', interrupted)
    try:
        assert list(images._on_all_cores([['first']], 1, True)) == [(1, [])]
    finally:
        signal.signal(signal.SIGINT, before)


def test_images_much_larger_than_a_patch_are_warned_of(tmp_path):
    for name, size in {'large': (40, 1025), 'patch': (1024, 1024)}.items():
        Image.new('RGB', size).save(tmp_path / f'{name}_0.png')
    paths = [str(tmp_path / f'{name}_0.png') for name in ('large', 'patch')]
    ((kind, path, message),) = images.look_at(paths, decode=True)
    assert (kind, path) == ('large image', paths[0])
    assert '40 x 1025 pixels' in message
