"""Reading and writing one slide's tiles in threads."""

import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from cite.slides import Grid, SlideReader, TileError, read_tile

from .pictures import write_image

CHUNK = 16  # tiles of a thread's turn


def write_tiles(
    reader: SlideReader, grid: Grid, paths: list[Path], workers: int
) -> list[TileError]:
    """Write the tiles that are not there yet; return those that cannot be read.

    Each thread has a reader of its own, because one that fails is opened anew.

    Args:
        reader: the slide.
        grid: its N tiles.
        paths: N files.
        workers: number of threads; OpenSlide and Pillow run side by side in them.

    Raises:
        OSError: a file cannot be written.
    """
    own = threading.local()
    readers = []

    def work(indices: range) -> list[TileError]:
        if not hasattr(own, 'reader'):
            own.reader = pickle.loads(pickle.dumps(reader))
            readers.append(own.reader)
        return [error for i in indices for error in _write(own.reader, grid, i, paths)]

    chunks = [range(i, min(i + CHUNK, len(grid))) for i in range(0, len(grid), CHUNK)]
    missing: list[TileError] = []
    pool = ThreadPoolExecutor(max(1, workers))
    try:
        # Nothing on the screen unless it is a terminal.
        with tqdm(total=len(grid), desc=reader.name, unit='tile', disable=None) as bar:
            for indices, errors in zip(chunks, pool.map(work, chunks)):
                missing += errors
                bar.update(len(indices))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for each in readers:
            each.close()
    return missing


def _write(
    reader: SlideReader, grid: Grid, index: int, paths: list[Path]
) -> Iterator[TileError]:
    """Write a tile, or yield why it cannot be read."""
    if paths[index].is_file():
        return
    try:
        pixels = read_tile(reader, grid, index)
    except TileError as error:
        yield error
        return
    write_image(paths[index], pixels)
