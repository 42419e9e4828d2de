"""Training that kills itself with SIGKILL at a named point of a checkpoint's write."""

import os
import signal

from mmcv.fileio.file_client import HardDiskBackend
from tiny_training import train


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_half_written(n):
    put = HardDiskBackend.put

    def half(self, content, path):
        if f'iter_{n}.pth' in str(path):
            put(self, content[: len(content) // 2], path)
            die()
        put(self, content, path)

    HardDiskBackend.put = half


def die_before(name, fragment):
    """Die when a function of ``os`` is called for a path that holds a fragment."""
    original = getattr(os, name)

    def function(*args, **kwargs):
        if any(fragment in str(arg) for arg in args):
            die()
        return original(*args, **kwargs)

    setattr(os, name, function)


# What happens in a save, in order; each run dies just before the step named.
AIMED = {
    'half of the file written': die_half_written,
    'whole file, not flushed': lambda n: die_before('open', f'iter_{n}.pth.'),
    'flushed, not renamed': lambda n: die_before('replace', f'iter_{n}.pth.'),
    'renamed, latest not begun': lambda n: die_before('symlink', f'iter_{n}.pth'),
    'latest not renamed': lambda n: die_before('replace', 'latest.pth.partial'),
    'the old not removed': lambda n: die_before('remove', f'iter_{n - 1}.pth'),
}


def run(cfg, point=None, n=None):
    """Be the process that trains, and dies at a point of the n-th iteration's save."""
    if point is not None:
        AIMED[point](n)
    train(cfg)
