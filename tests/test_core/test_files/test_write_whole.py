"""A file is written whole or not at all."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from cite.core.files import write_whole as module
from cite.core.files.write_whole import write_text_whole, write_whole


def test_an_earlier_file_stays_if_the_block_fails(tmp_path):
    target = tmp_path / 'note.txt'
    target.write_text('earlier')

    def fail():
        with write_whole(target) as partial:
            partial.write_text('half')
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == 'earlier'
    assert os.listdir(tmp_path) == ['note.txt']


def test_it_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    order = []
    flush, replace = module.flush, os.replace
    monkeypatch.setattr(module, 'flush', lambda p: (order.append(p), flush(p)))
    monkeypatch.setattr(
        module.os, 'replace', lambda a, b: (order.append('rename'), replace(a, b))
    )
    write_text_whole(tmp_path / 'note.txt', 'text')
    partial, rename, folder = order
    assert partial.suffix == '.partial'
    assert (rename, folder) == ('rename', tmp_path)


def test_two_writers_of_one_file_do_not_mix(tmp_path):
    target = tmp_path / 'note.txt'
    texts = [str(i) * 100_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_text_whole(target, text), texts))
    assert target.read_text() in texts
    assert os.listdir(tmp_path) == ['note.txt']


def test_the_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_text_whole(tmp_path / 'note.txt', 'text')
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / 'note.txt').stat().st_mode) == 0o640


def test_line_ends_stay_as_they_are(tmp_path):
    write_text_whole(tmp_path / 'note.txt', 'a\r\nb\n')
    assert (tmp_path / 'note.txt').read_bytes() == b'a\r\nb\n'
