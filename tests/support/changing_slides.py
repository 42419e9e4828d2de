"""What may happen to a slide file while it is read."""

import os
import shutil


def delete(path, other):
    """Remove the file."""
    path.unlink()


def cut_short(path, other):
    """Cut the file in place, as when its disk or a copy ends."""
    os.truncate(path, path.stat().st_size // 2)


def replace(path, other):
    """Put another slide's file in its place; who has it open keeps the old one."""
    copy = path.with_name('copy')
    shutil.copy(other, copy)
    os.replace(copy, path)


def overwrite(path, other):
    """Write another slide's bytes into the file."""
    path.write_bytes(other.read_bytes())


CHANGES = {work.__name__: work for work in (delete, cut_short, replace, overwrite)}
WORDS = {'delete': 'no longer there|is gone'}  # else that the file changed
CHANGED = 'the file changed while it was being read'
