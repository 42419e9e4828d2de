"""What the sides' processes find around them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def child_environment(folder: Path) -> Iterator[None]:
    """Give child processes this checkout, a cache of their own and no network."""
    before = dict(os.environ)
    paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, paths))
    os.environ['CITE_CACHE'] = str(folder / 'text-cache')
    os.environ['HF_HUB_OFFLINE'] = '1'
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
